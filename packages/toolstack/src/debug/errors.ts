import { catalogue } from '@nixen/core'

/** What the debug port refuses. */
export const debugErrors = catalogue('toolstack_debug', {
  not_found: {
    status: 404,
    text: (p: { what: string }) => `There is no ${p.what}. Look at docs/reference/toolstack-debug.md.`,
  },
  not_running: {
    status: 409,
    text: (p: { vm: string; state: string }) => `The VM ${p.vm} is ${p.state}, and its guest does nothing. Start it.`,
  },
  no_disk: { status: 404, text: (p: { vm: string; device: string }) => `The VM ${p.vm} has no disk ${p.device}.` },
  from_browser: {
    status: 403,
    text: (p: { origin: string }) => `The debug port answers no web page (${p.origin}). Use a program.`,
  },
  bad_body: { status: 400, text: (p: { expected: string }) => `The body must be ${p.expected}.` },
  bad_number: { status: 400, text: (p: { name: string }) => `The parameter ${p.name} must be a whole number.` },
})
