// Works on a file SR in a process that may make no file larger than `ulimit -f` says.
import { silentLog } from '@nixen/core'
import { isXapiError } from '@nixen/xapi'
import { FileSr } from '../src/storage/file-sr/file-sr.ts'

const [directory = '', disk = '', other = ''] = process.argv.slice(2)
const MiB = 1024 * 1024
const errors: string[] = []
const attempt = async (work: () => Promise<unknown>): Promise<boolean> => {
  try {
    await work()
    return true
  } catch (error) {
    errors.push(isXapiError(error) ? error.code : String(error))
    return false
  }
}

await using sr = await FileSr.attach({ directory, log: silentLog })
await sr.create(disk, { size: 64 * MiB })
const written: number[] = []
{
  await using open = await sr.open(disk, { write: true })
  for (let block = 0; block < 32; block++) {
    const bytes = new Uint8Array(2 * MiB).fill(block + 1)
    if (await attempt(async () => await open.writable?.write(block * 2 * MiB, bytes))) written.push(block)
  }
}
await attempt(() =>
  sr.make(other, { size: 64 * MiB }, async (sink) => {
    for (let at = 0; at < 64 * MiB; at += 2 * MiB) await sink.write(at, new Uint8Array(2 * MiB).fill(1))
    await sink.finish()
  }),
)
process.stdout.write(JSON.stringify({ written, errors }))
