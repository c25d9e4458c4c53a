// Five readers of events in a process of their own; reports how long changes took to arrive.
const [url = '', session = '', vm = ''] = process.argv.slice(2)

interface Batch {
  readonly token: string
  readonly events: readonly { readonly ref: string; readonly snapshot?: { readonly name_description: string } }[]
}

async function from(token: string, timeout: number): Promise<Batch> {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'event.from',
    params: [session, ['vm'], token, timeout],
  })
  const answer = (await (await fetch(url, { method: 'POST', body })).json()) as { result: Batch }
  return answer.result
}

const delays: number[] = []

async function read(start: string): Promise<void> {
  for (let token = start; ;) {
    const batch = await from(token, 10)
    token = batch.token
    const text = batch.events.find((event) => event.ref === vm)?.snapshot?.name_description
    if (text === 'end') return
    if (text !== undefined) delays.push(Date.now() - Number(text.split(' ')[1]))
  }
}

const { token } = await from('99999999999999999999,99999999999999999999', 0)
const readers = Array.from({ length: 5 }, () => read(token))
process.send?.('ready')
await Promise.all(readers)
delays.sort((a, b) => a - b)
process.send?.({ p99: delays[Math.floor(delays.length * 0.99)] ?? 0, delivered: delays.length })
