// Works on a file SR until it is killed. Writes a line before and after each operation.
import { writeSync } from 'node:fs'
import { seededRandom, silentLog } from '@nixen/core'
import { FileSr } from '../src/storage/file-sr/file-sr.ts'

const [directory = '', disk = '', seed = '1'] = process.argv.slice(2)
const random = seededRandom(Number(seed))
const size = 8 * 1024 * 1024
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`)

const sr = await FileSr.attach({ directory, log: silentLog, coalesceDelay: 5 })
const open = await sr.open(disk, { write: true })
const snapshots: string[] = []
for (let step = 0; ; step++) {
  const choice = random()
  if (choice < 0.7 || step < 3) {
    const offset = Math.floor((random() * size) / 512) * 512
    const length = Math.min(size - offset, 512 * (1 + Math.floor(random() * 400)))
    const value = 1 + (step % 250)
    say({ begin: 'write', offset, length, value })
    await open.writable?.write(offset, new Uint8Array(length).fill(value))
    say({ end: 'write' })
  } else if (choice < 0.85) {
    const uuid = crypto.randomUUID()
    say({ begin: 'snapshot', uuid })
    await sr.snapshot(disk, uuid)
    snapshots.push(uuid)
    say({ end: 'snapshot' })
  } else {
    const [uuid] = snapshots.splice(Math.floor(random() * snapshots.length), 1)
    if (uuid === undefined) continue
    say({ begin: 'destroy', uuid })
    await sr.destroy(uuid)
    say({ end: 'destroy' })
  }
}
