import { connectionErrors } from '@nixen/api'
import { isAppError, messageOf, type AppError } from '@nixen/core'
import { isXapiError, type XapiError } from '@nixen/xapi'
import { isRefusal, noNames, refusalError } from './refusals/refusal.ts'
import { plainText, type Names } from './refusals/sentence.ts'

/** Who is asked for what, for the sentences. */
export interface ErrorPlace {
  readonly address: string
  readonly username: string
  readonly fingerprint?: string | undefined
}

/**
 * The error of the contract that says what a failure of the client means. What an aborted signal threw passes unchanged, and so does
 * what is the contract's already.
 */
export function connectionError(error: unknown, place: ErrorPlace, names: Names = noNames): unknown {
  if (isXapiError(error)) return refusal(error, place, names)
  if (!isAppError(error) || !error.code.startsWith('xapi.') || isRefusal(error)) return error
  const { address } = place
  const options = { cause: error }
  const reason = withoutStop(error.message)
  switch (error.code) {
    case 'xapi.certificate_untrusted':
      return certificate(error, place)
    case 'xapi.timeout':
      return connectionErrors.timeout({ address, ...timeoutOf(error) }, options)
    case 'xapi.unreachable':
    case 'xapi.no_master':
      return connectionErrors.unreachable({ address, reason }, options)
    case 'xapi.bad_json':
    case 'xapi.wrong_content_type':
    case 'xapi.http_status':
      return connectionErrors.not_the_product({ address, wanted: 'XAPI', found: reason }, options)
    case 'xapi.bad_answer':
    case 'xapi.too_large':
      return connectionErrors.bad_answer({ address, what: 'a call', reason }, options)
    default:
      return connectionErrors.lost({ address, reason }, options)
  }
}

/** What a host refuses for reasons of the connection is about that; the rest is in the table of refusals. */
function refusal(error: XapiError, { address, username }: ErrorPlace, names: Names): AppError {
  const options = { cause: error }
  switch (error.code) {
    case 'SESSION_AUTHENTICATION_FAILED':
      return connectionErrors.wrong_credentials({ address, username }, options)
    case 'RBAC_PERMISSION_DENIED':
    case 'PERMISSION_DENIED':
      return connectionErrors.forbidden(
        { address, username, action: plainText(error.params[0] || 'this', names) },
        options,
      )
    case 'SESSION_INVALID':
      return connectionErrors.lost({ address, reason: 'the session has ended' }, options)
    case 'HOST_STILL_BOOTING':
      return connectionErrors.unreachable({ address, reason: 'the host is still starting' }, options)
    case 'MESSAGE_METHOD_UNKNOWN':
      return connectionErrors.not_the_product(
        { address, wanted: 'XAPI', found: plainText(messageOf(error), names) },
        options,
      )
    default:
      return refusalError(error, names)
  }
}

function certificate(error: AppError, { address, fingerprint }: ErrorPlace): AppError {
  const found = textOf(error.details['fingerprint'])
  return fingerprint === undefined
    ? connectionErrors.unknown_certificate({ address, fingerprint: found }, { cause: error })
    : connectionErrors.certificate_changed({ address, pinned: fingerprint, found }, { cause: error })
}

function timeoutOf({ details }: AppError): { seconds: number; what: string } {
  return { seconds: Number(details['ms']) / 1000, what: textOf(details['what']) }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const withoutStop = (text: string): string => text.replace(/\.$/, '')
