// Saves and loads one file in a process of its own, whose system calls the test makes fail. Argument: directory. Prints what happened as JSON.
import { hash } from 'node:crypto'
import { LocalStorage } from '../../src/storage/local/local-storage.ts'

const [, , directory = ''] = process.argv
const warnings: string[] = []
const ignore = (): void => undefined
const log = { debug: ignore, info: ignore, error: ignore, warn: (message: string) => void warnings.push(message) }
const storage = new LocalStorage(directory, { log })
// The test knows its name by heart.
const bytes = Buffer.alloc(100_000, 7)
const file = { kind: 'data', name: hash('sha256', bytes, 'hex') } as const

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'none'
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

const save = await codeOf(() => storage.save(file, [bytes]))
const again = save === 'none' ? await codeOf(() => storage.save(file, [bytes])) : 'none'
const load = await codeOf(async () => {
  if (!Buffer.from(await storage.load(file)).equals(bytes)) throw new Error('wrong bytes')
})
const listed = await Array.fromAsync(storage.list('data'))
process.stdout.write(
  JSON.stringify({ save, again, load, listed: listed.length, exclusive: storage.properties.exclusiveCreate, warnings }),
)
