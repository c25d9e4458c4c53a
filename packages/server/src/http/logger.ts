import type { Log } from '@nixen/core'
import { pino, type DestinationStream, type Logger } from 'pino'
import type { Settings } from '../config/settings.ts'
import { logContext } from './log-context.ts'

/** Writes lines of JSON, with the ids of the request and the task in which they come about. */
export function makeLogger(level: Settings['log.level'], to: DestinationStream = pino.destination(2)): Logger {
  return pino(
    {
      level,
      base: null,
      mixin: () => ({ ...logContext.getStore() }),
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['password', 'secret', 'token'],
    },
    to,
  )
}

/** pino behind core's port: fields after the sentence. */
export function logOf(logger: Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  }
}
