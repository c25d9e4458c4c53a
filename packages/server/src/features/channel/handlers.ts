import type { GroupHandlers } from '../../http/handler.ts'
import type { Channels } from '../../notify/channels.ts'

export interface ChannelHandlerPorts {
  readonly channels: Channels
}

/** Ways to reach people. */
export function channelHandlers({ channels }: ChannelHandlerPorts): GroupHandlers<'channel'> {
  return {
    list: async () => ({ items: await channels.list() }),
    get: async ({ params: { id } }) => await channels.get(id),
    async create({ input, info }) {
      const channel = await channels.create(input)
      info.note({ on: channel.id, onName: channel.name })
      return channel
    },
    async update({ params: { id }, input, info }) {
      info.note({ onName: channels.stored(id).name })
      return await channels.update(id, input)
    },
    async remove({ params: { id }, info }) {
      info.note({ onName: channels.stored(id).name })
      await channels.remove(id)
      return undefined
    },
    async test({ params: { id }, info }) {
      info.note({ onName: channels.stored(id).name })
      return await channels.test(id, { signal: info.signal })
    },
    deliveries: async ({ params: { id }, input }) => ({ items: await channels.deliveries(id, input) }),
  }
}
