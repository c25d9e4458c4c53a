import { errorArea } from '../errors/area.ts'

/** Errors about alerts. */
export const alertArea = errorArea('alert', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no alert ${p.id}, or you may not see it.`,
    example: { id: 'b7m2x9q4k1zd' },
  },
  bad_template: {
    status: 422,
    text: (p: { placeholder: string; known: string }) =>
      `The message has the placeholder {${p.placeholder}}, which there is not. There are ${p.known}.`,
    example: { placeholder: 'object.nmae', known: '{object.name}, {value}' },
  },
  bad_threshold: {
    status: 422,
    text: (p: { above: number; clear: number }) =>
      `It would begin above ${p.above} and end at ${p.clear}. The end must not be above the beginning.`,
    example: { above: 0.8, clear: 0.9 },
  },
  bad_silence: {
    status: 422,
    text: () => 'Say until when (a time to come), or for how long.',
    example: undefined,
  },
})
export const alertErrors = alertArea.make
