import type { Page } from '@nixen/api'
import { JsonAnswer } from '../http/handler.ts'

/** Bytes of one of the two generations, unless told otherwise: the JSON of some 5,000 VMs in both. */
const generationBytes = 4 * 1024 * 1024
/** A comma before each text, so that those of a list can stand one behind the other. */
const comma = ','

interface Generation {
  readonly bytes: Buffer
  used: number
  readonly texts: Map<object, Buffer>
}

/**
 * The JSON of objects that are never changed, only replaced ({@link Inventory}), in UTF-8: writing it anew for each answer would be most of
 * what a list costs. What was not asked for during a generation is forgotten with it, so that memory is bounded, also by objects that are
 * gone.
 */
export class JsonTexts {
  readonly #size: number
  #young: Generation | undefined
  #old: Generation | undefined

  constructor(size: number = generationBytes) {
    this.#size = size
  }

  /** Bytes kept in both generations. */
  get used(): number {
    return (this.#young?.used ?? 0) + (this.#old?.used ?? 0)
  }

  one<T extends object>(object: T): JsonAnswer<T> {
    return new JsonAnswer(this.#text(object).subarray(comma.length))
  }

  page<T extends object>({ items, total, next }: Page<T>): JsonAnswer<Page<T>> {
    const [first, ...texts] = items.map((item) => this.#text(item))
    const rest = next === undefined ? '' : `,"next":${JSON.stringify(next)}`
    const head = Buffer.from('{"items":[')
    const tail = Buffer.from(`],"total":${total}${rest}}`)
    return new JsonAnswer(Buffer.concat(first ? [head, first.subarray(comma.length), ...texts, tail] : [head, tail]))
  }

  #text(object: object): Buffer {
    const young = this.#young?.texts.get(object)
    if (young) return young
    const text = this.#old?.texts.get(object) ?? Buffer.from(comma + JSON.stringify(object))
    // Larger than all that is kept.
    if (text.length > this.#size) return text
    const generation = this.#generationFor(text.length)
    const kept = generation.bytes.subarray(generation.used, generation.used + text.length)
    kept.set(text)
    generation.used += text.length
    generation.texts.set(object, kept)
    return kept
  }

  /** The youngest generation, with room for so many bytes. Bytes of an older one stay as they are for answers that still use them. */
  #generationFor(length: number): Generation {
    if (this.#young && this.#young.used + length <= this.#size) return this.#young
    this.#old = this.#young
    this.#young = { bytes: Buffer.allocUnsafeSlow(this.#size), used: 0, texts: new Map() }
    return this.#young
  }
}
