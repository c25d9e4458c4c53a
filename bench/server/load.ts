import { Agent, get, type IncomingMessage } from 'node:http'
import { setTimeout } from 'node:timers/promises'

const agent = new Agent({ keepAlive: true, maxSockets: 32 })

/** How long requests took, milliseconds, in order of their length. */
export type Delays = readonly number[]

/**
 * Sends requests at a fixed rate, whether the earlier ones are answered or not, and counts from when each was due: a server that stalls
 * pays for everybody who waits.
 */
export async function load(
  urls: readonly string[],
  { rate, seconds, headers }: { rate: number; seconds: number; headers: Readonly<Record<string, string>> },
): Promise<Delays> {
  const start = performance.now()
  const pending: Promise<number>[] = []
  for (let sent = 0; sent < rate * seconds;) {
    const due = start + (sent * 1000) / rate
    const wait = due - performance.now()
    if (wait > 0.5) {
      await setTimeout(wait)
      continue
    }
    pending.push(fetchOne(urls[sent % urls.length] ?? '', headers).then(() => performance.now() - due))
    sent++
  }
  return (await Promise.all(pending)).toSorted((a, b) => a - b)
}

/** Sends requests without a pause over `at` connections, as a busy server has them; how many were answered. */
export async function flood(
  urls: readonly string[],
  { at, seconds, headers }: { at: number; seconds: number; headers: Readonly<Record<string, string>> },
): Promise<number> {
  const end = performance.now() + seconds * 1000
  let sent = 0
  const one = async (): Promise<void> => {
    while (performance.now() < end) await fetchOne(urls[sent++ % urls.length] ?? '', headers)
  }
  await Promise.all(Array.from({ length: at }, one))
  return sent
}

async function fetchOne(url: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent, headers }, resolve).on('error', reject)
  })
  for await (const _ of response);
  if (response.statusCode !== 200) throw new Error(`${url} was answered with ${response.statusCode}`)
}

/** The value that `share` of the delays are not above. */
export function quantile(delays: Delays, share: number): number {
  return delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] ?? Number.NaN
}

/** Reads an event stream as it comes; `onData` gets the text of each event's data. Ends with the signal. */
export async function listen(
  url: string,
  { headers, signal, onData }: { headers: object; signal: AbortSignal; onData: (event: string, data: string) => void },
): Promise<void> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers: { ...headers } }, resolve).on('error', reject)
  })
  signal.addEventListener('abort', () => response.destroy())
  response.setEncoding('utf8')
  let rest = ''
  response.on('data', (text: string) => {
    const events = (rest + text).split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      const [, name = '', data = ''] = /^event: (.*)\ndata: (.*)$/m.exec(event) ?? []
      if (name !== '') onData(name, data)
    }
  })
  // Destroyed by the signal, or ended by the server.
  response.on('error', () => undefined)
}
