import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { systemClock } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { cheapKdf, initRepository, openRepository, password, restic, temporaryDirectory } from '../../test/support.ts'
import { newMasterKey } from '../crypto/key-file.ts'
import { MemoryStorage } from '../storage/memory-storage.ts'
import { lockRepository } from '../lock/lock.ts'
import { backupDisks } from '../backup/backup-disks.ts'
import { diskOf, memoryDisk } from '../../test/support.ts'
import { listSnapshots } from '../snapshot/snapshot.ts'
import { LocalStorage } from '../storage/local/local-storage.ts'
import { walkTree } from '../tree/read-tree.ts'
import { isIrreducible, randomPolynomial } from './polynomial.ts'
import { Repository } from './repository.ts'

describe('the chunker polynomial', () => {
  test('is irreducible and of degree 53', () => {
    for (let i = 0; i < 5; i++) {
      const polynomial = BigInt(`0x${randomPolynomial()}`)
      expect(polynomial.toString(2)).toHaveLength(54)
      expect(isIrreducible(polynomial)).toBe(true)
    }
  })

  test('is told from a reducible one as trial division does it, for all small ones', () => {
    const divides = (divisor: number, value: number): boolean => {
      const degree = (n: number): number => 31 - Math.clz32(n)
      let rest = value
      while (rest !== 0 && degree(rest) >= degree(divisor)) rest ^= divisor << (degree(rest) - degree(divisor))
      return rest === 0
    }
    for (let value = 2; value < 1024; value++) {
      let prime = true
      for (let divisor = 2; divisor < value && prime; divisor++) {
        prime = 2 * (31 - Math.clz32(divisor)) > 31 - Math.clz32(value) || !divides(divisor, value)
      }
      expect({ value, is: isIrreducible(BigInt(value)) }).toEqual({ value, is: prime })
    }
  })
})

describe('a repository', () => {
  test('that Nixen made is opened and checked by restic', async () => {
    await using directory = await temporaryDirectory()
    await initRepository(directory.path)
    expect((await restic(directory.path, 'check')).toString()).toContain('no errors were found')
    expect(JSON.parse((await restic(directory.path, 'cat', 'config')).toString())).toMatchObject({ version: 2 })
  })

  test.each([
    ['1', 'auto'],
    ['2', 'off'],
    ['2', 'auto'],
  ])('that restic made is read: version %s, compression %s', async (version, compression) => {
    await using directory = await temporaryDirectory()
    await restic(directory.path, 'init', '--repository-version', version)
    const options = version === '1' ? [] : ['--compression', compression]
    await restic(directory.path, 'backup', ...options, '--tag', 'a', path.resolve('packages/core/src'))
    const repository = await openRepository(directory.path)
    await repository.loadIndex()
    const [snapshot] = await listSnapshots(repository)
    expect(snapshot?.tags).toEqual(['a'])
    let files = 0
    for await (const { path: name, node } of walkTree(repository, snapshot!.tree)) {
      if (node.type !== 'file') continue
      files++
      const content = []
      for (const id of node.content ?? []) content.push(await repository.loadBlob('data', id))
      expect(Buffer.concat(content).equals(await readFile(name))).toBe(true)
    }
    expect(files).toBeGreaterThan(10)
    expect(repository.config.version).toBe(Number(version))
  })

  test('of version 1 is only read', () => {
    const config = { version: 1, id: 'a'.repeat(64), chunkerPolynomial: '3da3358b4dc173' } as const
    const masterKey = newMasterKey()
    const old = new Repository({ storage: new MemoryStorage(), clock: systemClock, config, keyName: 'k', masterKey })
    expect(() => old.assertWritable()).toThrow(expect.objectContaining({ code: 'backup.read_only_version' }))
    expect(() => old.indexWriter()).toThrow(expect.objectContaining({ code: 'backup.read_only_version' }))
  })

  test('is not made twice, and nothing is one that has no config', async () => {
    await using directory = await temporaryDirectory()
    await expect(openRepository(directory.path)).rejects.toMatchObject({ code: 'backup.not_a_repository' })
    await initRepository(directory.path)
    await expect(initRepository(directory.path)).rejects.toMatchObject({ code: 'backup.repository_exists' })
  })

  test('needs a password that is not empty', async () => {
    await using directory = await temporaryDirectory()
    const init = Repository.init(new LocalStorage(directory.path), { password: '', kdf: cheapKdf })
    await expect(init).rejects.toMatchObject({ code: 'backup.password_empty' })
  })

  test('opens with each of its keys, and with restic', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    await expect(repository.removeKey(repository.keyName)).rejects.toMatchObject({ code: 'backup.last_key' })
    const second = await repository.addKey('second', { kdf: cheapKdf })
    await expect(repository.removeKey(repository.keyName)).rejects.toMatchObject({ code: 'backup.key_in_use' })
    const other = await Repository.open(new LocalStorage(directory.path), { password: 'second' })
    expect(other.keyName).toBe(second)
    await other.changePassword(password, { kdf: cheapKdf })
    expect((await Array.fromAsync(other.keys())).map(({ name }) => name)).not.toContain(second)
    expect((await restic(directory.path, 'key', 'list')).toString().match(/[0-9a-f]{8} /g)).toHaveLength(2)
    await expect(Repository.open(new LocalStorage(directory.path), { password: 'second' })).rejects.toMatchObject({
      code: 'backup.wrong_password',
    })
  })
})

describe('a flipped bit', () => {
  async function flip(directory: string, folder: string): Promise<string> {
    const names = await readdir(path.join(directory, folder), { recursive: true, withFileTypes: true })
    const file = names.find((entry) => entry.isFile())!
    const name = path.join(file.parentPath, file.name)
    const bytes = await readFile(name)
    bytes[bytes.length >> 1]! ^= 4
    await rm(name)
    await writeFile(name, bytes)
    return file.name
  }

  async function made(): Promise<Awaited<ReturnType<typeof temporaryDirectory>>> {
    const directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    await backupDisks(repository, {
      host: 'vm',
      vm: {},
      disks: [{ name: 'a', source: memoryDisk(diskOf('tr0t')) }],
      workers: 1,
    })
    return directory
  }

  test.each(['keys', 'index', 'snapshots'])('in %s is named', async (folder) => {
    await using directory = await made()
    const name = await flip(directory.path, folder)
    const use = async (): Promise<unknown> => {
      const repository = await openRepository(directory.path)
      await repository.loadIndex()
      return listSnapshots(repository)
    }
    await expect(use()).rejects.toMatchObject({ code: 'backup.file_damaged', message: expect.stringContaining(name) })
  })

  test('in the config is named', async () => {
    await using directory = await made()
    const file = path.join(directory.path, 'config')
    const bytes = await readFile(file)
    bytes[20]! ^= 1
    await rm(file)
    await writeFile(file, bytes)
    await expect(openRepository(directory.path)).rejects.toMatchObject({
      code: 'backup.file_damaged',
      details: { file: 'config' },
    })
  })

  test('in a pack is named when its blob is read', async () => {
    await using directory = await made()
    const repository = await openRepository(directory.path)
    const index = await repository.loadIndex()
    const pack = await flip(directory.path, 'data')
    const failures: unknown[] = []
    for (let entry = 0; entry < index.size; entry++) {
      const place = index.location(entry)
      if (place.pack !== pack) continue
      await repository.loadBlob(place.type, place.id).catch((error: unknown) => failures.push(error))
    }
    expect(failures).toEqual([
      expect.objectContaining({ code: 'backup.blob_damaged', message: expect.stringContaining(pack) }),
    ])
  })
})

test('restic and Nixen respect the locks of each other', async () => {
  await using directory = await temporaryDirectory()
  const repository = await initRepository(directory.path)
  {
    await using _lock = await lockRepository(repository)
    await expect(restic(directory.path, 'prune')).rejects.toThrow(/already locked/)
    await restic(directory.path, 'list', 'snapshots')
  }
  {
    await using _lock = await lockRepository(repository, { exclusive: true })
    await expect(restic(directory.path, 'check')).rejects.toThrow(/locked/)
  }
  await restic(directory.path, 'check')
})
