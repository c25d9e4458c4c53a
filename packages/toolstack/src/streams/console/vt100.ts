import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { systemCode } from '@nixen/core'

/** A serial terminal: shows a text and repeats what is typed, until the client leaves. */
export async function serveVt100(socket: Duplex, { text }: { text: string }): Promise<void> {
  try {
    socket.write(`\u{1B}[2J\u{1B}[H${text.replaceAll('\n', '\r\n')}`)
    // A socket without an encoding yields buffers.
    for await (const part of socket as AsyncIterable<Buffer>) {
      const shown = part.toString('latin1').replaceAll('\r', '\r\n# ').replaceAll('\u{7F}', '\b \b')
      if (!socket.write(shown, 'latin1')) await once(socket, 'drain')
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error
  } finally {
    socket.destroy()
  }
}
