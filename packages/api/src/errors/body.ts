import { isAppError, type AppError } from '@nixen/core'
import { z } from 'zod'
import { requestErrors } from './request-errors.ts'

/** The body of every answer that is not a success. */
export const ErrorBody = z
  .strictObject({
    error: z.strictObject({
      code: z.string().meta({ description: 'Stable: docs/reference/errors.md.' }),
      message: z.string().meta({ description: 'One sentence for a person: what is wrong, where, what to do.' }),
      details: z.record(z.string(), z.unknown()).meta({ description: 'What the sentence was made of.' }),
      retryable: z.boolean().meta({ description: 'The same request may succeed later without any change.' }),
      requestId: z.string().meta({ description: "Names the request in the server's log." }),
    }),
  })
  .meta({ id: 'ErrorBody', description: 'The body of every answer that is not a success.' })
export type ErrorBody = z.infer<typeof ErrorBody>

/**
 * The answer to an error that was thrown: that of an `AppError`, or `request.internal` for anything else, whose own message
 * is for the log alone.
 */
export function errorBody(error: unknown, requestId: string): { readonly status: number; readonly body: ErrorBody } {
  const known: AppError = isAppError(error) ? error : requestErrors.internal({ requestId }, { cause: error })
  const { code, message, details, retryable, status } = known
  return { status, body: { error: { code, message, details: { ...details }, retryable, requestId } } }
}
