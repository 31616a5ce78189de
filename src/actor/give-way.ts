/**
 * Lets whoever waits go first, in the middle of long work. workerd looks at its sockets only when nothing else is left to do, and objects
 * and a D1 of the same process always leave something: without this an export, a rebuild or a retention would be the only thing that the
 * server does until it ends (docs/design/audit-export.md, "Others meanwhile").
 *
 * @param ms for how long at least; 0: for one look
 */
export function giveWay(ms = 0): Promise<void> {
  return scheduler.wait(ms);
}
