/** Setup of every worker test file: a line for each request that went well would bury what a failure has to say. */

const { log } = console;

console.log = (...said: unknown[]) => {
  if (!String(said[0]).startsWith('{"level":"info"')) log(...said);
};
