import { errorArea } from '../errors/area.ts'

/** Errors that the client makes itself; all others come from the server. */
export const clientArea = errorArea('client', {
  unreachable: {
    status: 503,
    retryable: true,
    text: (p: { url: string; reason: string }) =>
      `The Nixen server at ${p.url} cannot be reached (${p.reason}). Is it running, and is the address right?`,
    example: { url: 'https://nixen.example.net', reason: 'connection refused' },
  },
  not_nixen: {
    status: 502,
    text: (p: { url: string; status: number; type: string }) =>
      `${p.url} answered ${p.status} with ${p.type}, which is not what Nixen answers. Check the address, and a proxy in between.`,
    example: { url: 'https://nixen.example.net/api/v1/vms', status: 502, type: 'text/html' },
  },
})
export const clientErrors = clientArea.make
