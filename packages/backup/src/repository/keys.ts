import { backupErrors } from '../errors.ts'
import { makeKeyFile, openKeyFile, parseKeyFile, type KdfParameters, type KeyFile } from '../crypto/key-file.ts'
import type { MasterKey } from '../crypto/seal.ts'
import { sha256Hex } from '../pack/blob-codec.ts'
import type { Storage } from '../storage/storage.ts'
import { isAppError } from '@nixen/core'
import { damaged } from '../errors.ts'

/** What is told of a key: never a secret. */
export interface KeyInfo extends Pick<KeyFile, 'created' | 'username' | 'hostname'> {
  readonly name: string
}

interface SignalOption {
  readonly signal?: AbortSignal | undefined
}

/**
 * The master key that `password` opens, and the name of the key file that did it. A damaged key file does not stand in the way of others.
 *
 * Errors: `backup.wrong_password`, `backup.file_damaged`, `backup.not_a_repository`.
 */
export async function openWithPassword(
  storage: Storage,
  password: string,
  options: SignalOption = {},
): Promise<{ master: MasterKey; name: string }> {
  const { location } = storage.properties
  let failure: unknown
  let keys = 0
  for await (const { name } of storage.list('key', options)) {
    options.signal?.throwIfAborted()
    try {
      const master = await openKeyFile(name, await loadKeyFile(storage, name, options), password)
      keys++
      if (master) return { master, name }
    } catch (error) {
      if (!isAppError(error, 'backup.file_damaged')) throw error
      failure ??= error
    }
  }
  if (failure) throw failure as Error
  if (keys === 0) throw backupErrors.not_a_repository({ location })
  throw backupErrors.wrong_password({ location, keys })
}

/** Saves a key file that opens `master` with `password`; its name. */
export async function addKey(
  storage: Storage,
  master: MasterKey,
  options: SignalOption & { password: string; kdf?: KdfParameters | undefined; hostname?: string; username?: string },
): Promise<string> {
  const { password, kdf, signal, hostname, username } = options
  if (password.length === 0) throw backupErrors.password_empty()
  const bytes = await makeKeyFile(master, password, {
    ...(kdf ? { kdf } : {}),
    ...(hostname ? { hostname } : {}),
    ...(username ? { username } : {}),
  })
  const name = sha256Hex(bytes)
  await storage.save({ kind: 'key', name }, [bytes], { signal })
  return name
}

/** All keys of a repository. */
export async function* listKeys(storage: Storage, options: SignalOption = {}): AsyncGenerator<KeyInfo> {
  for await (const { name } of storage.list('key', options)) {
    const { created, username, hostname } = await loadKeyFile(storage, name, options)
    yield { name, created, username, hostname }
  }
}

async function loadKeyFile(storage: Storage, name: string, options: SignalOption): Promise<KeyFile> {
  const bytes = await storage.load({ kind: 'key', name }, options)
  if (sha256Hex(bytes) !== name) throw damaged('key', name, 'its content does not have the SHA-256 it is named by')
  return parseKeyFile(name, bytes)
}
