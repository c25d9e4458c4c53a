import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { WebSocket } from 'ws'

/** Ctrl-], as of telnet and `virsh console`. */
const leave = 0x1d

/** Where somebody types and sees. */
export interface Keyboard {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown }
  readonly output: Writable
}

/** How a console was left. */
export interface Left {
  readonly code: number
  readonly reason: string
}

/**
 * Joins a terminal and a console until one of both leaves: every key goes there but Ctrl-]. Input that is no terminal is sent as it is,
 * and its end ends nothing, so that the answer can be read.
 */
export async function joinTerminal(socket: WebSocket, { input, output }: Keyboard, signal: AbortSignal): Promise<Left> {
  const onKeys = (bytes: Buffer): void => {
    const at = input.isTTY === true ? bytes.indexOf(leave) : -1
    const sent = at < 0 ? bytes : bytes.subarray(0, at)
    if (sent.length > 0) {
      input.pause()
      socket.send(sent, () => void input.resume())
    }
    if (at >= 0) socket.close(1000)
  }
  const onBytes = (bytes: Buffer): void => {
    if (output.write(bytes)) return
    socket.pause()
    output.once('drain', () => socket.resume())
  }
  const onAbort = (): void => socket.close(1000)
  const closed = once(socket, 'close')
  signal.addEventListener('abort', onAbort, { once: true })
  socket.on('message', onBytes)
  if (input.isTTY === true) input.setRawMode?.(true)
  input.on('data', onKeys)
  try {
    // The arguments of the event.
    const [code, reason] = (await closed) as [number, Buffer]
    return { code, reason: reason.toString() }
  } finally {
    signal.removeEventListener('abort', onAbort)
    input.off('data', onKeys)
    if (input.isTTY === true) input.setRawMode?.(false)
    input.pause()
  }
}
