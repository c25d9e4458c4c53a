// A toolstack with disks in a process of its own; reports where it is.
import { startToolstack } from '@nixen/toolstack'

const [scheme, dataDir] = process.argv.slice(2)
const toolstack = await startToolstack({ vms: 1, seed: 1, tls: scheme === 'https', waits: false, dataDir })
process.send?.(toolstack.url)
process.once('message', () => {
  void toolstack[Symbol.asyncDispose]().then(() => process.disconnect?.())
})
