// A server of its own process, for tests that kill it: node server-child.ts STATE. Prints a line of JSON when it answers.
import { flushCompileCache } from 'node:module'
import { startServer } from '../src/index.ts'

const [, , stateDir = ''] = process.argv
const server = await startServer({
  stateDir,
  version: '0.0.0-test',
  flags: { 'server.listen': '127.0.0.1', 'server.port': 0, 'tls.mode': 'off', 'log.level': 'silent' },
})
console.log(JSON.stringify({ url: server.url, setUpUrl: server.setUpUrl }))
// With NODE_COMPILE_CACHE the next start is faster; one that is killed would not write it.
flushCompileCache()
