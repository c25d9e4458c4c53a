import type { EventClassName, Records } from '@nixen/xapi'
import type { Model } from './model.ts'

/** Takes the records of one class into the model: keeps the fields that count, and marks what is made from them. */
export interface RecordHandler<C extends EventClassName> {
  put(model: Model, ref: string, record: Records[C]): void
  remove(model: Model, ref: string): void
}
