import { errorArea } from '../errors/area.ts'

/** Errors about channels. */
export const channelArea = errorArea('channel', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no channel ${p.id}, or you may not see it.`,
    example: { id: 'b7m2x9q4k1zd' },
  },
  name_taken: {
    status: 409,
    text: (p: { name: string }) => `There is a channel "${p.name}" already. Choose another name.`,
    example: { name: 'On call' },
  },
  in_use: {
    status: 409,
    text: (p: { name: string; by: string }) => `${p.name} is used by ${p.by}. Take it out there first.`,
    example: { name: 'On call', by: 'the alert "Host down" and the job "Every night"' },
  },
  secret_needed: {
    status: 422,
    text: (p: { field: string }) =>
      `A kept secret is not sent to another server, or without encryption where it had some. Give ${p.field} again, or null for none.`,
    example: { field: 'password' },
  },
  wrong_kind: {
    status: 422,
    text: (p: { kind: string; field: string }) => `A channel of the kind ${p.kind} has no ${p.field}.`,
    example: { kind: 'ntfy', field: 'host' },
  },
})
export const channelErrors = channelArea.make
