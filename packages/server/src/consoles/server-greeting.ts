import { viewOf } from '@nixen/core'

/** The version, and a list of at most 255 security types; bytes. */
const longestGreeting = 12 + 256

/** The server's part of the handshake (RFC 6143, 7.1), as far as it says how the viewer's goes on. */
export class ServerGreeting {
  #pending: Uint8Array = new Uint8Array()
  #done = false
  #answered: number | undefined
  #version: number | undefined
  #offered: readonly number[] | undefined

  /** The minor version that it offers, 3, 7 or 8; `undefined` until it has. A version that is not known counts as none. */
  get version(): number | undefined {
    return this.#version
  }

  /** Security types that it offers, or the one that it has chosen; `undefined` until it has. */
  get offered(): readonly number[] | undefined {
    return this.#offered
  }

  /** The version that the viewer answered with. */
  answered(version: number): void {
    this.#answered = version
    this.#read()
  }

  take(bytes: Uint8Array): void {
    // What comes after the list is of no interest, however long the viewer takes to answer.
    if (this.#done || this.#pending.length >= longestGreeting) return
    this.#pending = this.#pending.length === 0 ? bytes.slice() : Buffer.concat([this.#pending, bytes])
    this.#read()
  }

  #read(): void {
    if (this.#version === undefined) {
      if (this.#pending.length < 12) return
      const [, minor = '0'] =
        /^RFB 003\.00([378])\n$/.exec(Buffer.from(this.#pending.subarray(0, 12)).toString('latin1')) ?? []
      this.#version = Number(minor)
      this.#pending = this.#pending.subarray(12)
    }
    if (this.#answered === undefined || this.#offered) return
    if (this.#answered === 3) {
      if (this.#pending.length < 4) return
      this.#finish([viewOf(this.#pending).getUint32(0)])
    } else {
      const count = this.#pending[0]
      if (count === undefined || this.#pending.length < 1 + count) return
      this.#finish([...this.#pending.subarray(1, 1 + count)])
    }
  }

  #finish(offered: readonly number[]): void {
    this.#offered = offered
    this.#done = true
    this.#pending = new Uint8Array()
  }
}
