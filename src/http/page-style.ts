/** The look of the pages: one column, the system's font, light or dark as the reader has it. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #f6f5f2; --sheet: #ffffff; --ink: #1d1c1a; --soft: #5f5c56; --line: #dedbd4;
  --go: #17693f; --go-ink: #ffffff; --stop: #a3271f; --stop-wash: #fdf0ee; --add: #e5f4ea; --add-ink: #14532f; --del: #fbe9e7;
  --del-ink: #862019; --focus: #1a56b8; --low: #17693f; --medium: #8a5a00; --high: #a8480b; --critical: #a3271f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161514; --sheet: #201f1d; --ink: #edebe6; --soft: #aaa69d; --line: #3a3834;
    --go: #5fc78f; --go-ink: #0d2418; --stop: #ff8d82; --stop-wash: #3a2220; --add: #173324; --add-ink: #a5e3bf; --del: #40211e;
    --del-ink: #ffb9b2; --focus: #8db8ff; --low: #5fc78f; --medium: #e8b450; --high: #ff9d5c; --critical: #ff8d82;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
.brand { margin: 0 0 2rem; color: var(--soft); font-size: .875rem; letter-spacing: .02em; }
h1 { margin: 0 0 .5rem; font-size: 1.75rem; line-height: 1.2; text-wrap: balance; }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.0625rem; }
p { margin: 0 0 1rem; }
.lead { white-space: pre-line; font-size: 1.0625rem; }
.soft { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: 1.5rem 0 0; }
dt { color: var(--soft); }
dd { margin: 0; }
.risk { font-weight: 650; }
.risk.LOW { color: var(--low); } .risk.MEDIUM { color: var(--medium); }
.risk.HIGH { color: var(--high); } .risk.CRITICAL { color: var(--critical); }
.sheet { margin: 0 0 1rem; border: 1px solid var(--line); border-radius: .625rem; background: var(--sheet); overflow: hidden; }
.sheet h3 { margin: 0; padding: .7rem 1rem; font-size: .9375rem; font-weight: 600; }
.sheet h3 .soft { font-weight: 400; }
.diff { padding: .5rem 0; border-top: 1px solid var(--line); overflow-x: auto; }
pre { margin: 0; width: max-content; min-width: 100%; font: .8125rem/1.6 ui-monospace, monospace; }
pre span { display: block; padding: 0 1rem; white-space: pre; }
.add { background: var(--add); color: var(--add-ink); }
.del { background: var(--del); color: var(--del-ink); }
.hunk { color: var(--soft); }
.note { margin: 0; padding: .7rem 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .875rem; }
ul { margin: 0 0 1rem; padding-left: 1.25rem; }
.alert { margin: 0 0 1rem; padding: .75rem 1rem; border-left: .25rem solid var(--stop); border-radius: .25rem; background: var(--stop-wash); }
form { margin-top: 2.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
label { display: block; margin-bottom: .4rem; font-weight: 600; }
textarea {
  display: block; width: 100%; min-height: 5.5rem; padding: .65rem .8rem; border: 1px solid var(--soft); border-radius: .5rem;
  background: var(--sheet); color: inherit; font: inherit; resize: vertical;
}
.hint { margin: .4rem 0 1.25rem; color: var(--soft); font-size: .875rem; }
.choices { display: flex; flex-wrap: wrap; gap: .75rem; }
button {
  flex: 1 1 11rem; min-height: 3rem; padding: .6rem 1.25rem; border: 2px solid transparent; border-radius: .5rem;
  font: inherit; font-weight: 650; cursor: pointer;
}
.approve { background: var(--go); color: var(--go-ink); }
.reject { background: transparent; border-color: var(--stop); color: var(--stop); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.diff:focus-visible { outline-offset: -3px; }
@media (max-width: 30rem) {
  main { padding: 1.25rem 1rem 3rem; }
  .brand { margin-bottom: 1.25rem; }
  h1 { font-size: 1.5rem; }
}
@media (forced-colors: active) { .approve { border-color: ButtonText; } }
`;
