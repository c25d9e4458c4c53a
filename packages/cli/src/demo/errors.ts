import { catalogue } from '@nixen/core'

/** What can go wrong in the demonstration. */
export const demoErrors = catalogue('demo', {
  differs: {
    text: (p: { name: string; offset: number; held: number; restored: number }) =>
      `The restored disk of ${p.name} is not what the guest's disk held: byte ${p.offset} is ${p.restored} and was ${p.held}. The demonstration failed; please report this.`,
  },
  proves_nothing: {
    text: (p: { name: string }) =>
      `The disk of ${p.name} holds the same before and after its guest wrote over it, so the comparison would prove nothing. The demonstration failed; please report this.`,
  },
  unexpected: {
    text: (p: { what: string; expected: string; found: string }) =>
      `${p.what} should be ${p.expected} and is ${p.found}. The demonstration failed; please report this.`,
  },
  guest: {
    text: (p: { reason: string }) => `A guest of the simulated pool could not use its disk: ${p.reason}.`,
  },
  late: {
    text: (p: { what: string }) => `The demonstration waited for a minute for ${p.what}, and then gave up.`,
  },
  restic: {
    text: (p: { reason: string }) => `restic does not find the repository in order: ${p.reason}`,
  },
})
