import { cleaned, forbidden, lengthOf } from './rfb-messages.ts'
import { ServerGreeting } from './server-greeting.ts'

/** The viewer sent something that cannot be told apart from input. */
export class RfbViolation extends Error {
  override readonly name = 'RfbViolation'
}

type Phase = 'version' | 'choice' | 'response' | 'init' | 'messages'

/**
 * What of a viewer's RFB bytes (RFC 6143) may reach a console that is only watched: the handshake with security type None or VNC,
 * and of its messages SetPixelFormat, SetEncodings and FramebufferUpdateRequest. Keys, pointer, cut text and the messages of known
 * extensions are dropped; on anything else, of which the length is not known, the console ends ({@link RfbViolation}).
 *
 * Nothing leaves but whole messages of kinds that every server reads alike, so neither the cut of the frames nor the lengths that a
 * viewer claims make a server take one thing for another. Two details: the viewer never asks to be alone (that would end the others'
 * view), and the server never learns of extensions by which a viewer can send more.
 */
export class RfbWatcher {
  readonly #server = new ServerGreeting()
  #pending: Uint8Array = new Uint8Array()
  /** Bytes still to come of a message that is dropped. */
  #skip = 0
  #phase: Phase = 'version'
  #version = 0

  /** Looks at what the server sends until its part of the handshake is over. Gives what had to wait for that. @throws RfbViolation */
  fromServer(bytes: Uint8Array): readonly Uint8Array[] {
    this.#server.take(bytes)
    return this.#pending.length === 0 ? [] : this.fromViewer(new Uint8Array())
  }

  /** What may be sent on of `bytes` and of those before them. What the viewer sends ahead of the server waits. @throws RfbViolation */
  fromViewer(bytes: Uint8Array): readonly Uint8Array[] {
    const skipped = Math.min(this.#skip, bytes.length)
    this.#skip -= skipped
    const rest = bytes.subarray(skipped)
    this.#pending = this.#pending.length === 0 ? rest : Buffer.concat([this.#pending, rest])
    const passed: Uint8Array[] = []
    while (this.#pending.length > 0) {
      const part = this.#next()
      if (part === undefined) break
      if (part.length > 0) passed.push(part)
    }
    // A view of a frame would keep all of it in memory.
    this.#pending = this.#pending.slice()
    if (this.#pending.length > longestPending) throw new RfbViolation('It sends without waiting for the server.')
    return passed
  }

  /** The next part that is complete, empty when it is dropped; `undefined` when more has to come. */
  #next(): Uint8Array | undefined {
    switch (this.#phase) {
      case 'version':
        return this.#takeVersion()
      case 'choice':
        return this.#takeChoice()
      case 'response':
        return this.#pass(16, 'init')
      case 'init': {
        // ClientInit: the shared flag.
        const init = this.#pass(1, 'messages')
        return init && Uint8Array.of(1)
      }
      case 'messages':
        return this.#takeMessage()
    }
  }

  #takeVersion(): Uint8Array | undefined {
    if (this.#server.version === undefined) return undefined
    const bytes = this.#pass(12, 'choice')
    if (!bytes) return undefined
    const [, minor = ''] = /^RFB 003\.00([378])\n$/.exec(Buffer.from(bytes).toString('latin1')) ?? []
    this.#version = Number(minor)
    // A server that is answered with more than it offered may read on as it likes.
    if (minor === '' || this.#version > this.#server.version) throw new RfbViolation('Its version of RFB is not known.')
    this.#server.answered(this.#version)
    return bytes
  }

  #takeChoice(): Uint8Array | undefined {
    const { offered } = this.#server
    if (!offered) return undefined
    if (this.#version === 3) {
      // RFC 6143, 7.1.2 and appendix A: the server has chosen.
      this.#choose(offered[0])
      return new Uint8Array()
    }
    const bytes = this.#pass(1, 'init')
    if (!bytes) return undefined
    this.#choose(offered.find((type) => type === bytes[0]))
    return bytes
  }

  #choose(security: number | undefined): void {
    if (security !== 1 && security !== 2) throw new RfbViolation(`Its security type ${security ?? ''} is not known.`)
    this.#phase = security === 2 ? 'response' : 'init'
  }

  #takeMessage(): Uint8Array | undefined {
    const length = lengthOf(this.#pending)
    if (length === undefined) return undefined
    if (length === forbidden) throw new RfbViolation(`Its message of type ${this.#pending[0]} is not known.`)
    if (!length.pass) {
      const here = Math.min(length.bytes, this.#pending.length)
      this.#skip = length.bytes - here
      this.#pending = this.#pending.subarray(here)
      return new Uint8Array()
    }
    const bytes = this.#pass(length.bytes, 'messages')
    return bytes && cleaned(bytes)
  }

  #pass(length: number, next: Phase): Uint8Array | undefined {
    if (this.#pending.length < length) return undefined
    const bytes = this.#pending.subarray(0, length)
    this.#pending = this.#pending.subarray(length)
    this.#phase = next
    return bytes
  }
}

/** More than the longest message that is passed on, bytes. */
const longestPending = 64 * 1024
