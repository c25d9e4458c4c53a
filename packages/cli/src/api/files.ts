import { once } from 'node:events'
import { createReadStream, openAsBlob } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Download, UploadBody } from '@nixen/api'
import { messageOf, systemCode } from '@nixen/core'
import { print } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { progressView } from '../output/progress.ts'
import type { OperationFlags } from './command.ts'

/** What an upload sends: a file, or standard input. @throws cli.cannot_read */
export async function bodyFrom({ file = '-' }: OperationFlags): Promise<UploadBody> {
  if (file === '-') return process.stdin
  try {
    // A pipe has no length that could be told.
    const { size } = await stat(file)
    return size > 0 ? await openAsBlob(file) : createReadStream(file)
  } catch (cause) {
    throw cliErrors.cannot_read({ path: file, reason: messageOf(cause) }, { cause })
  }
}

/** Writes a download into a file, which gets its name when it is whole; or to standard output. */
export async function saveFile(context: NixenContext, download: Download, flags: OperationFlags): Promise<void> {
  const progress = progressView({ clock: context.clock, stderr: context.process.stderr, json: flags.json })
  let done = 0
  const parts = async function* (): AsyncGenerator<Uint8Array, void> {
    for await (const part of download.bytes()) {
      yield part
      done += part.length
      progress.update({ done, total: download.length })
    }
  }
  try {
    if (flags.out === '-') {
      for await (const part of parts()) await toStdout(part)
      return
    }
    const path = await writeWhole(flags.out ?? safeName(download.name), parts())
    progress.end()
    return print(context, flags, { json: { file: path, bytes: done, task: download.task }, text: path })
  } finally {
    progress.end()
  }
}

async function toStdout(part: Uint8Array): Promise<void> {
  if (!process.stdout.write(part)) await once(process.stdout, 'drain')
}

/** A name without folders: the server's word is not trusted with paths. */
function safeName(name: string | undefined): string {
  return basename(name ?? '').replaceAll(/[\0/\\]/g, '_') || 'download'
}

/** What is written has another name until all of it is on the disk. Nothing that is there is written over. */
async function writeWhole(path: string, parts: AsyncIterable<Uint8Array>): Promise<string> {
  const target = resolve(path)
  if (await stat(target).catch(() => undefined)) throw cliErrors.file_exists({ path })
  const partial = join(dirname(target), `.${basename(target)}.partial`)
  try {
    const file = await open(partial, 'w').catch((cause: unknown) => {
      throw cliErrors.cannot_write({ path, reason: systemCode(cause) ?? 'unknown' }, { cause })
    })
    try {
      for await (const part of parts) await file.write(part)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, target)
    return path
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}
