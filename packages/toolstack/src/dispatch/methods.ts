import type { Messages } from '../generated/messages.ts'
import type { ClassName } from '../generated/rows.ts'
import type { WireType } from '../model/wire-type.ts'
import type { Call } from './call.ts'

interface MessageShape {
  readonly params: readonly unknown[]
  readonly result: unknown
}

/** What a message does. Optional parameters have their defaults. */
export type Handler<M> = M extends MessageShape
  ? (call: Call, ...params: M['params']) => M['result'] | Promise<M['result']>
  : never

/** Handlers of some messages of a class, by the names of the wire. */
export type HandlersOf<C extends ClassName> = { readonly [M in keyof Messages[C]]?: Handler<Messages[C][M]> }

/** A handler as the dispatcher calls it. */
export type AnyHandler = (call: Call, ...params: readonly unknown[]) => unknown

/** Handlers of one class, or of a part of it. */
export interface MethodSet {
  readonly cls: string
  readonly handlers: Readonly<Record<string, AnyHandler>>
}

/** Declares what messages of a class do. */
export function methods<C extends ClassName>(cls: C, handlers: HandlersOf<C>): MethodSet {
  // The dispatcher decodes parameters by the same data model that the types come from.
  return { cls, handlers: handlers as MethodSet['handlers'] }
}

/** A result whose wire shape is not the one the data model declares (`event.from`). */
export class CustomResult {
  readonly type: WireType
  readonly value: unknown

  constructor(type: WireType, value: unknown) {
    this.type = type
    this.value = value
  }
}
