import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RfbViolation, RfbWatcher } from './rfb-watcher.ts'

/** A message of a viewer, and what a server gets of it. */
interface Message {
  readonly sent: Buffer
  readonly passed: Buffer
}

const nothing = Buffer.alloc(0)
const bytes = (...values: readonly number[]): Buffer => Buffer.from(values)
const text = (value: string): Buffer => Buffer.from(value, 'latin1')
const dropped = (sent: Buffer): Message => ({ sent, passed: nothing })

function encodings(list: readonly number[]): Buffer {
  const message = Buffer.alloc(4 + 4 * list.length)
  message[0] = 2
  message.writeUInt16BE(list.length, 2)
  for (const [i, encoding] of list.entries()) message.writeInt32BE(encoding, 4 + 4 * i)
  return message
}

/** A length of four bytes, positive or (extended clipboard) negative, before so many bytes. */
function cutText(content: Uint8Array, extended: boolean): Buffer {
  const head = Buffer.alloc(8)
  head[0] = 6
  head.writeInt32BE(extended ? -content.length : content.length, 4)
  return Buffer.concat([head, content])
}

/** Everything in it looks like a key event. */
const payload = (size: { readonly min: number; readonly max: number }) =>
  fc.uint8Array({ minLength: size.min, maxLength: size.max }).map((array) => array.map((_, i) => (i % 2 === 0 ? 4 : 1)))
const fixed = (type: number, length: number) =>
  payload({ min: length - 1, max: length - 1 }).map((rest) => Buffer.concat([bytes(type), rest]))

const shown = [-223, 0, 1, 5, 7, 16, -239, -26, 50]
/** Extended keys, continuous updates, fences, xvp, sizes that a viewer sets, the extended clipboard. */
const asking = [-258, -313, -312, -309, -308, -1063131698, 0x7fffffff, 255]

const message: fc.Arbitrary<Message> = fc.oneof(
  fixed(0, 20).map((sent) => ({ sent, passed: sent })),
  fixed(3, 10).map((sent) => ({ sent, passed: sent })),
  fc.array(fc.constantFrom(...shown, ...asking), { maxLength: 60 }).map((list) => ({
    sent: encodings(list),
    passed: encodings(list.filter((encoding) => shown.includes(encoding))),
  })),
  fixed(4, 8).map(dropped),
  fixed(5, 6).map(dropped),
  fc
    .tuple(payload({ min: 0, max: 3000 }), fc.boolean())
    .map(([content, extended]) => dropped(cutText(content, extended))),
  fixed(150, 10).map(dropped),
  payload({ min: 0, max: 64 }).map((content) =>
    dropped(Buffer.concat([bytes(248, 0, 0, 0, 0, 0, 0, 1, content.length), content])),
  ),
  fixed(250, 4).map(dropped),
  payload({ min: 0, max: 4 }).map((screens) =>
    dropped(Buffer.concat([bytes(251, 0, 4, 1, 4, 1, screens.length, 0), Buffer.alloc(16 * screens.length, 4)])),
  ),
  fc.constant(dropped(bytes(255, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 4))),
  fc.constant(dropped(bytes(255, 1, 0, 0))),
  fc.constant(dropped(bytes(255, 1, 0, 2, 4, 4, 4, 4, 4, 4))),
)

interface Handshake {
  readonly name: string
  /** What the server sends, and the viewer's answers, in turn. */
  readonly server: Buffer
  readonly viewer: Buffer
}
const handshakes: readonly Handshake[] = [
  { name: '3.8 without a password', server: Buffer.concat([text('RFB 003.008\n'), bytes(2, 2, 1), bytes(0, 0, 0, 0)]), viewer: Buffer.concat([text('RFB 003.008\n'), bytes(1)]) },
  { name: '3.8 with a password', server: Buffer.concat([text('RFB 003.008\n'), bytes(1, 2), Buffer.alloc(16, 9)]), viewer: Buffer.concat([text('RFB 003.008\n'), bytes(2), Buffer.alloc(16, 4)]) },
  { name: '3.7', server: Buffer.concat([text('RFB 003.008\n'), bytes(1, 1)]), viewer: Buffer.concat([text('RFB 003.007\n'), bytes(1)]) },
  { name: '3.3 without a password', server: Buffer.concat([text('RFB 003.008\n'), bytes(0, 0, 0, 1)]), viewer: text('RFB 003.003\n') },
  { name: '3.3 with a password', server: Buffer.concat([text('RFB 003.003\n'), bytes(0, 0, 0, 2), Buffer.alloc(16, 9)]), viewer: Buffer.concat([text('RFB 003.003\n'), Buffer.alloc(16, 4)]) },
] // prettier-ignore

/** Cuts a buffer into parts of the given sizes, used in turn. */
function* cut(whole: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, i = 0; at < whole.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    yield whole.subarray(at, at + size)
    at += size
  }
}

function passedOn(watcher: RfbWatcher, parts: Iterable<Buffer>): Buffer {
  return Buffer.concat([...parts].flatMap((part) => watcher.fromViewer(part)))
}

/** One that has the handshake behind it. */
function watching(): RfbWatcher {
  const watcher = new RfbWatcher()
  const [{ server, viewer }] = handshakes as readonly [Handshake]
  watcher.fromServer(server)
  watcher.fromViewer(Buffer.concat([viewer, bytes(1)]))
  return watcher
}

describe.each(handshakes)('a console that is only watched, RFB $name', ({ server, viewer }) => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 5000 })), { minLength: 1 })

  test('gets the handshake and what makes it show itself, however the frames are cut', () => {
    const run = (messages: readonly Message[], cuts: readonly number[], ahead: boolean): void => {
      const watcher = new RfbWatcher()
      const sent = Buffer.concat([viewer, bytes(0), ...messages.map((one) => one.sent)])
      let waited = nothing
      if (!ahead) watcher.fromServer(server)
      const parts = [...cut(sent, cuts)]
      // Some viewers speak before they have listened; what they say waits.
      const early = ahead ? passedOn(watcher, parts.splice(0, 1)) : nothing
      if (ahead) waited = Buffer.concat(watcher.fromServer(server))
      const passed = Buffer.concat([early, waited, passedOn(watcher, parts)])
      // Asked for exclusively, and made shared.
      const wanted = Buffer.concat([viewer, bytes(1), ...messages.map((one) => one.passed)])
      expect(passed.equals(wanted)).toBe(true)
    }
    fc.assert(fc.property(fc.array(message, { maxLength: 30 }), sizes, fc.boolean(), run), { numRuns: 150 })
  })
})

describe('a console that is only watched', () => {
  test('gets no key, pointer or cut text from any bytes whatsoever', () => {
    const run = (noise: Uint8Array, cuts: readonly number[]): void => {
      const watcher = watching()
      const passed: Uint8Array[] = []
      try {
        for (const part of cut(Buffer.from(noise), cuts)) passed.push(...watcher.fromViewer(part))
      } catch (error) {
        if (!(error instanceof RfbViolation)) throw error
      }
      expect(typesIn(Buffer.concat(passed)).every((type) => [0, 2, 3].includes(type))).toBe(true)
    }
    const type = fc.constantFrom(0, 2, 3, 4, 5, 6, 150, 248, 250, 251, 255)
    const noise = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.array(type, { maxLength: 400 }).map((list) => Uint8Array.from(list))) // prettier-ignore
    fc.assert(fc.property(noise, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), run), { numRuns: 500 })
  })

  test('drops a cut text of gigabytes without keeping it', () => {
    const watcher = watching()
    expect(passedOn(watcher, [bytes(6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff)])).toHaveLength(0)
    const part = Buffer.alloc(1 << 20, 4)
    for (let i = 0; i < 100; i++) expect(watcher.fromViewer(part)).toEqual([])
  })

  const refused: readonly (readonly [string, Buffer])[] = [
    ['a message that nobody knows', bytes(127, 4, 1, 0, 0)],
    ['a message of QEMU that nobody knows', bytes(255, 9)],
    ['a list of too many encodings', bytes(2, 0, 0xff, 0xff)],
  ]
  test.each(refused)('ends at %s', (_what, sent) => {
    expect(() => watching().fromViewer(sent)).toThrow(RfbViolation)
  })

  const greetings: readonly (readonly [string, Buffer, Buffer])[] = [
    ['a version that is newer than the server’s', text('RFB 003.003\n'), text('RFB 003.008\n')],
    ['a version that nobody knows', text('RFB 003.008\n'), text('RFB 003.889\n')],
    ['bytes that are no RFB', text('RFB 003.008\n'), text('GET / HTTP/1.1\r\n')],
    ['a security type that hides the rest', Buffer.concat([text('RFB 003.008\n'), bytes(2, 1, 19)]), Buffer.concat([text('RFB 003.008\n'), bytes(19)])],
    ['a security type that the server does not offer', Buffer.concat([text('RFB 003.008\n'), bytes(1, 2)]), Buffer.concat([text('RFB 003.008\n'), bytes(1)])],
    ['a server that has chosen none', Buffer.concat([text('RFB 003.008\n'), bytes(0, 0, 0, 0)]), Buffer.concat([text('RFB 003.003\n'), bytes(1)])],
    ['a server that is none of RFB', text('HTTP/1.1 200 OK\r\n'), text('RFB 003.008\n')],
  ] // prettier-ignore
  test.each(greetings)('ends at %s', (_what, server, viewer) => {
    const watcher = new RfbWatcher()
    watcher.fromServer(server)
    expect(() => watcher.fromViewer(viewer)).toThrow(RfbViolation)
  })

  test('does not keep what a server sends while the viewer says nothing', () => {
    const watcher = new RfbWatcher()
    const part = Buffer.alloc(64 * 1024, 1)
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 4000; i++) watcher.fromServer(part)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20)
    expect(() => watcher.fromViewer(text('RFB 003.008\n'))).toThrow(RfbViolation)
  })

  test('does not keep what a viewer sends for ever without waiting', () => {
    const watcher = new RfbWatcher()
    expect(() => {
      for (let i = 0; i < 100; i++) watcher.fromViewer(Buffer.alloc(1024, 4))
    }).toThrow(RfbViolation)
  })
})

/** The types of the messages that a server reads, by RFC 6143 alone. */
function typesIn(stream: Buffer): readonly number[] {
  const types: number[] = []
  for (let at = 0; at < stream.length;) {
    const type = stream[at] ?? -1
    types.push(type)
    if (type === 0) at += 20
    else if (type === 2) at += 4 + 4 * stream.readUInt16BE(at + 2)
    else if (type === 3) at += 10
    else return types
  }
  return types
}
