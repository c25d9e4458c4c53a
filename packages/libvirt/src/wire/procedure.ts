import type { Codec } from './codec.ts'

/** A procedure of a program. `A` and `R` are `undefined` where it takes or gives nothing. */
export interface Procedure<A = unknown, R = unknown> {
  readonly program: number
  readonly number: number
  /** As in libvirt's protocol: `REMOTE_PROC_DOMAIN_CREATE`. */
  readonly name: string
  readonly args: Codec<A> | undefined
  readonly ret: Codec<R> | undefined
  /** Which way the bytes of its stream go first of all; a console's go both ways. */
  readonly stream: 'none' | 'read' | 'write'
}

/** A message that a daemon sends by itself. */
export interface EventType<M = unknown> {
  readonly program: number
  readonly number: number
  readonly name: string
  readonly message: Codec<M> | undefined
}

/** `[program, number]`. */
type Address = readonly [program: number, number: number]

// oxlint-disable-next-line eslint/max-params -- only generated code calls it, a line for each procedure
export function procedure<A = undefined, R = undefined>(
  [program, number]: Address,
  name: string,
  args: Codec<A> | undefined,
  ret: Codec<R> | undefined,
  stream: Procedure['stream'] = 'none',
): Procedure<A, R> {
  return { program, number, name, args, ret, stream }
}

export function event<M = undefined>(
  [program, number]: Address,
  name: string,
  message: Codec<M> | undefined,
): EventType<M> {
  return { program, number, name, message }
}
