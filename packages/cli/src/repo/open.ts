import { openStorage, Repository } from '@nixen/backup'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import type { RepoFlags } from './flags.ts'
import { readPassword } from './password.ts'

/** The address of the repository. Error: `cli.no_repository`. */
export function repositoryAddress(context: NixenContext, { repo }: RepoFlags): string {
  const address = repo ?? context.process.env?.['NIXEN_REPO']
  if (address === undefined || address === '') throw cliErrors.no_repository()
  return address
}

/** Opens the repository of the flags. Disposing closes its storage. */
export async function openRepository(context: NixenContext, flags: RepoFlags): Promise<Repository> {
  return await openAt(context, {
    address: repositoryAddress(context, flags),
    passwordFile: flags.passwordFile,
    variable: 'NIXEN_REPO_PASSWORD',
  })
}

/** Opens a repository by its address. */
export async function openAt(
  context: NixenContext,
  { address, passwordFile, variable }: { address: string; passwordFile?: string | undefined; variable: string },
): Promise<Repository> {
  const { signal } = context
  const storage = await openStorage(address, { signal })
  try {
    const question = `Password of ${storage.properties.location}`
    const password = await readPassword(context, { file: passwordFile, variable, question, isNew: false })
    return await Repository.open(storage, { password, signal })
  } catch (error) {
    await storage[Symbol.asyncDispose]()
    throw error
  }
}
