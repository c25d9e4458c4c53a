import type { WebSocket } from 'ws'

/** How long a viewer has to take what is left, and say that it has seen the end; milliseconds. */
const farewell = 3000
/** A control frame has 125 bytes at most (RFC 6455, 5.5), two of which are the code. */
const longestReason = 123

/** Closes a WebSocket with a reason; resolves when it is closed, which a viewer that does not answer cannot put off for long. */
export async function sayGoodbye(viewer: WebSocket, code: number, reason: string): Promise<void> {
  if (viewer.readyState === viewer.CLOSED) return
  const { promise, resolve } = Promise.withResolvers<void>()
  viewer.once('close', resolve)
  const timer = setTimeout(() => viewer.terminate(), farewell)
  // One that is paused does not read the answer.
  viewer.resume()
  viewer.close(code, cutBytes(reason, longestReason))
  await promise
  clearTimeout(timer)
}

function cutBytes(text: string, most: number): string {
  const bytes = Buffer.from(text)
  // A character that is cut through is dropped.
  return bytes.length <= most ? text : new TextDecoder().decode(bytes.subarray(0, most), { stream: true })
}
