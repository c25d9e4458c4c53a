import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../../test/support.ts'
import { Repository } from '../repository/repository.ts'
import { LocalStorage } from '../storage/local/local-storage.ts'
import { compressBlob, decompressTo } from './compression.ts'
import { makeKeyFile, newMasterKey, openKeyFile, parseKeyFile } from './key-file.ts'
import { choosePoly1305, javascriptPoly1305, passesSelfTest, sodiumPoly1305, type Poly1305 } from './poly1305.ts'
import { Sealer } from './seal.ts'

const cheap = { N: 1024, r: 8, p: 1 }
const sodium = sodiumPoly1305()
const implementations = [javascriptPoly1305, ...(sodium ? [sodium] : [])]

describe('Poly1305', () => {
  test.each(implementations)('$implementation gives the tag of RFC 8439', (implementation) => {
    expect(passesSelfTest(implementation)).toBe(true)
  })

  test('an implementation that is wrong does not pass the self-test', () => {
    const wrong: Poly1305 = { implementation: 'javascript', tag: () => new Uint8Array(16) }
    expect(passesSelfTest(wrong)).toBe(false)
  })

  test('libsodium is taken where it loads, and both give the same tags', () => {
    expect(sodium).toBeDefined()
    expect(choosePoly1305().implementation).toBe('sodium')
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (message, key) => {
          expect(sodium?.tag(message, key)).toEqual(javascriptPoly1305.tag(message, key))
        },
      ),
    )
  })
})

describe('sealing', () => {
  const key = newMasterKey()

  test('what is opened is what was sealed, whichever implementation did it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400_000 }), fc.constantFrom(...implementations), (plain, poly1305) => {
        expect(Buffer.from(new Sealer(key).open(new Sealer(key, poly1305).seal(plain)) ?? [1]).equals(plain)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  test('a flipped bit anywhere, a missing byte or another key is noticed', () => {
    const sealer = new Sealer(key)
    const sealed = sealer.seal(Buffer.from('a short message'))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = sealed.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(sealer.open(changed)).toBeUndefined()
    }
    expect(sealer.open(sealed.slice(0, -1))).toBeUndefined()
    expect(sealer.open(sealed.slice(0, 31))).toBeUndefined()
    expect(new Sealer(newMasterKey()).open(sealed)).toBeUndefined()
  })

  test('no nonce is used twice', () => {
    const sealer = new Sealer(key)
    const nonces = Array.from({ length: 1000 }, () =>
      Buffer.from(sealer.seal(new Uint8Array(1)).slice(0, 16)).toString('hex'),
    )
    expect(new Set(nonces).size).toBe(1000)
  })
})

describe('key files', () => {
  test('open with their password and with no other', async () => {
    const master = newMasterKey()
    const file = parseKeyFile('k', await makeKeyFile(master, 'one', { kdf: cheap }))
    expect(await openKeyFile('k', file, 'one')).toEqual(master)
    expect(await openKeyFile('k', file, 'two')).toBeUndefined()
  })

  test.each([
    ['no JSON', 'x'],
    ['another kdf', '{"kdf":"argon2id"}'],
    ['no cost', '{"kdf":"scrypt","N":0,"r":8,"p":1,"salt":"","data":""}'],
    ['a cost that takes all memory', '{"kdf":"scrypt","N":1073741824,"r":8,"p":1,"salt":"","data":""}'],
    ['no salt', '{"kdf":"scrypt","N":1024,"r":8,"p":1,"data":""}'],
  ])('%s is a damaged key file', (_, text) => {
    expect(() => parseKeyFile('k', Buffer.from(text))).toThrow(expect.objectContaining({ code: 'backup.file_damaged' }))
  })

  test('a wrong password is told as such', async () => {
    await using directory = await temporaryDirectory()
    await Repository.init(new LocalStorage(directory.path), { password: 'right', kdf: cheap })
    await expect(Repository.open(new LocalStorage(directory.path), { password: 'wrong' })).rejects.toMatchObject({
      code: 'backup.wrong_password',
      status: 403,
    })
  })
})

test('a blob is only kept compressed when that is smaller', () => {
  const text = Buffer.from('same '.repeat(50_000))
  const compressed = compressBlob(text)!
  expect(decompressTo(compressed, text.length)).toEqual(text)
  expect(decompressTo(compressed, text.length - 1)).toBeUndefined()
  expect(decompressTo(compressed, text.length + 1)).toBeUndefined()
  expect(compressBlob(crypto.getRandomValues(new Uint8Array(65_536)))).toBeUndefined()
})
