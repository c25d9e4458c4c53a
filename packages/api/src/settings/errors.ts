import { errorArea } from '../errors/area.ts'

/** Errors about settings. */
export const settingsArea = errorArea('settings', {
  unknown: {
    status: 404,
    text: (p: { key: string; suggestion?: string | undefined }) =>
      `There is no setting ${p.key}.${p.suggestion === undefined ? '' : ` Did you mean "${p.suggestion}"?`}`,
    example: { key: 'sesion.idle', suggestion: 'session.idle' },
  },
  invalid: {
    status: 422,
    text: (p: { key: string; reason: string }) => `${p.key} cannot have that value: ${p.reason}`,
    example: { key: 'session.idle', reason: 'not a duration like 12h.' },
  },
  read_only: {
    status: 409,
    text: (p: { key: string; origin: string }) => `${p.key} is set by ${p.origin}. Change it there.`,
    example: { key: 'server.base_path', origin: 'NIXEN_SERVER_BASE_PATH' },
  },
})
export const settingsErrors = settingsArea.make
