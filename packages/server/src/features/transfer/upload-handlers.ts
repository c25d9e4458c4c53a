import type { GroupHandlers } from '../../http/handler.ts'
import { diskImport, type TransferPorts } from './handlers.ts'
import { bodyOf } from './run-transfer.ts'

/** Uploads in pieces. */
export function uploadHandlers(ports: TransferPorts): GroupHandlers<'upload'> {
  const { uploads, tasks } = ports
  return {
    list: async ({ who }) => ({ items: [...uploads.list(who.user.id)] }),
    async create({ input, who, info }) {
      const made = await uploads.create({ ...input, user: who.user.id })
      info.note({ on: made.id, onName: made.name })
      info.setStatus(201)
      return made
    },
    get: async ({ params: { id }, who }) => uploads.get(id, who.user.id),
    async append({ params: { id }, input: { offset }, who, info }) {
      return await uploads.append(id, who.user.id, { offset, bytes: bodyOf(info).bytes() })
    },
    async use({ params: { id }, input, who, info }) {
      const user = who.user.id
      const { sha256 } = uploads.demandComplete(id, user)
      const { request, run } = diskImport(ports, { input: { ...input, sha256 }, who, info, action: 'upload.use' })
      const begun = await tasks.run(
        request,
        async (task) => await uploads.use(id, user, async (file) => await run(file, task)),
      )
      info.setStatus(202)
      return { task: begun.id }
    },
    async remove({ params: { id }, who }) {
      await uploads.remove(id, who.user.id)
      return undefined
    },
  }
}
