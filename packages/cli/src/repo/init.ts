import { openStorage, Repository } from '@nixen/backup'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import type { RepoFlags } from './flags.ts'
import { repositoryAddress } from './open.ts'
import { readPassword } from './password.ts'

/** `nixen repo init` */
export async function init(context: NixenContext, flags: CommonFlags & RepoFlags): Promise<void> {
  const address = repositoryAddress(context, flags)
  const storage = await openStorage(address, { signal: context.signal })
  await using _storage = storage
  const password = await readPassword(context, {
    file: flags.passwordFile,
    variable: 'NIXEN_REPO_PASSWORD',
    question: `New password of ${storage.properties.location}`,
    isNew: true,
  })
  const repository = await Repository.init(storage, { password, signal: context.signal })
  const { location } = storage.properties
  print(context, flags, {
    json: { location, id: repository.id, version: repository.config.version },
    text: `Made repository ${repository.id.slice(0, 10)} at ${location}.\nKeep the password: without it nobody can read what is in there, and nobody can reset it.`,
  })
}
