import { isAppError, messageOf } from '@nixen/core'

/** The sentence of an error for people. Errors of the server are sentences already. */
export function errorText(error: unknown): string {
  if (!isAppError(error, 'request.invalid')) return messageOf(error)
  const { problems } = error.details
  if (!Array.isArray(problems)) return error.message
  return (problems as readonly { path: string; message: string }[])
    .map(({ path, message }) => `${path.replace(/^(input|query|params)\./, '')}: ${message}`)
    .join(' ')
}
