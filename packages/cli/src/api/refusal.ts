import type { EndpointSpec } from '@nixen/api'
import { AppError, isAppError } from '@nixen/core'
import { fileFlag } from './flags.ts'
import { allFields } from './shape.ts'
import { isSecret } from './values.ts'

/** A refused request in the words of the command line: fields are flags and arguments there. Other errors as they are. */
export function inFlags(error: unknown, endpoint: EndpointSpec): unknown {
  if (!isAppError(error, 'request.invalid')) return error
  const { problems } = error.details
  if (!Array.isArray(problems)) return error
  const sentences = problems.map((problem: unknown) => sentenceOf(problem, endpoint))
  const { code, status, retryable, details } = error
  return new AppError({ code, status, retryable, details, message: sentences.join(' '), cause: error })
}

function sentenceOf(problem: unknown, endpoint: EndpointSpec): string {
  // As the contract describes the details of this error.
  const { path, message } = problem as { readonly path: string; readonly message: string }
  const [, name = path, ...rest] = path.split('.')
  const field = allFields(endpoint).find((one) => one.name === name)
  // `input` is the request as a whole: the sentence says all there is.
  if (!field) return path === 'input' ? message : `${path}: ${message}`
  const where = rest.length === 0 ? '' : ` (${rest.join('.')})`
  if (endpoint.cli?.args?.includes(name)) return `${name.toUpperCase()}${where}: ${message}`
  const flag = isSecret(field.schema) ? fileFlag(name) : name
  return `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}${where}: ${message}`
}
