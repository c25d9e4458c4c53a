// Runs a toolstack until it is killed; prints its URL.
import { startToolstack } from '../src/index.ts'

const [dataDir] = process.argv.slice(2)
const toolstack = await startToolstack({ dataDir, tls: false, waits: false, hosts: 2, vms: 20, seed: 5 })
process.stdout.write(`${toolstack.url}\n`)
