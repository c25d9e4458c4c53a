/** Severity, least first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where a part writes what it did; `fields` are for programs. Nothing secret goes in. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

const ignore = (): void => undefined

/** A log that keeps nothing. */
export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore }
