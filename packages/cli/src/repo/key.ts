import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { formatDate } from '../output/date.ts'
import { formatTable } from '../output/table.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'
import { readPassword } from './password.ts'

export interface NewPasswordFlags extends CommonFlags, RepoFlags {
  readonly newPasswordFile?: string
}

/** `nixen repo key list` */
export async function list(context: NixenContext, flags: CommonFlags & RepoFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const keys = await Array.fromAsync(repository.keys({ signal: context.signal }))
  const text = formatTable(keys, [
    { title: 'KEY', text: ({ name }) => `${name.slice(0, 8)}${name === repository.keyName ? ' (yours)' : ''}` },
    { title: 'MADE', text: ({ created }) => formatDate(Date.parse(created)) },
    { title: 'BY', text: ({ username, hostname }) => `${username}@${hostname}` },
  ])
  print(context, flags, { json: keys, text })
}

/** `nixen repo key add` */
export async function add(context: NixenContext, flags: NewPasswordFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const name = await repository.addKey(await newPassword(context, flags), { signal: context.signal })
  print(context, flags, { json: { key: name }, text: `Added key ${name.slice(0, 8)}.` })
}

/** `nixen repo key remove KEY` */
export async function remove(context: NixenContext, flags: CommonFlags & RepoFlags, key: string): Promise<void> {
  await using repository = await openRepository(context, flags)
  const names = (await Array.fromAsync(repository.keys({ signal: context.signal }))).map(({ name }) => name)
  const [name, ...others] = key === '' ? [] : names.filter((known) => known.startsWith(key))
  // A password that is removed by mistake can't be had back.
  if (name === undefined || others.length > 0)
    throw cliErrors.which_key({ key, found: name === undefined ? 0 : 1 + others.length })
  await repository.removeKey(name, { signal: context.signal })
  print(context, flags, {
    json: { key: name },
    text: `Removed key ${name.slice(0, 8)}. Its password opens the repository no more.`,
  })
}

/** `nixen repo key passwd` */
export async function passwd(context: NixenContext, flags: NewPasswordFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const name = await repository.changePassword(await newPassword(context, flags), { signal: context.signal })
  print(context, flags, { json: { key: name }, text: `The password is changed. The new key is ${name.slice(0, 8)}.` })
}

function newPassword(context: NixenContext, { newPasswordFile }: NewPasswordFlags): Promise<string> {
  return readPassword(context, {
    file: newPasswordFile,
    variable: 'NIXEN_REPO_NEW_PASSWORD',
    question: 'New password',
    isNew: true,
  })
}
