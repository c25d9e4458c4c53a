// A toolstack in a process of its own; reports where it is, how long it took and how much memory it has.
import { startToolstack } from '@nixen/toolstack'

const before = process.memoryUsage().rss
const started = performance.now()
const toolstack = await startToolstack({ hosts: 16, vms: Number(process.argv[2]), seed: 1, tls: false, waits: false })
process.send?.({
  url: toolstack.url,
  seconds: (performance.now() - started) / 1000,
  memory: process.memoryUsage().rss - before,
})
process.once('message', () => {
  void toolstack[Symbol.asyncDispose]().then(() => process.disconnect?.())
})
