// A backup in a process of its own that kills itself at a commit point. Arguments: repository, image, point, order of commits, parent.
import { readFileSync } from 'node:fs'
import { backupDisks, LocalStorage, Repository } from '../src/index.ts'
import { readIndexCache, saveIndexCache } from '../src/cache/index-cache.ts'
import { memoryDisk, password } from './support.ts'

const [, , directory = '', image = '', point = 'none', order = 'right'] = process.argv
const cacheFile = `${directory}.cache`
const repository = await Repository.open(new LocalStorage(directory), { password })
await readIndexCache(repository, cacheFile)
await backupDisks(repository, {
  host: 'vm',
  vm: { image },
  disks: [{ name: 'a', source: memoryDisk(readFileSync(image)) }],
  workers: 2,
  packSize: 1024 * 1024,
  saveCache: async () => {
    if (order === 'right') await saveIndexCache(repository, cacheFile)
  },
  onCommit: async (at) => {
    // The mutant: the cache repeats what the repository does not say yet.
    if (order === 'wrong' && at === 'packs') await saveIndexCache(repository, cacheFile)
    if (at === point) process.kill(process.pid, 'SIGKILL')
  },
})
