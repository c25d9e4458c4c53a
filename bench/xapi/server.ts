// A scripted pool in a process of its own: prints one line of JSON when it listens, and ends with its standard input.
import { makeCertificate, startScriptedXapi } from '@nixen/testkit'

const certificate = await makeCertificate()
const server = await startScriptedXapi({ certificate, pool: { vms: Number(process.argv[2]), hosts: 4 } })
const objects = server.db.tables.reduce((sum, table) => sum + server.db.count(table), 0)
process.stdout.write(`${JSON.stringify({ url: server.url, fingerprint: certificate.fingerprint, objects })}\n`)
process.stdin.resume().on('end', () => void server.stop())
