import type { ProviderActions } from '../../action/actions.ts'
import { follow, idOf, refOf, type XapiContext } from './context.ts'
import { destroyVm } from './vm/destroy.ts'

/** What can be done with templates. */
export function templateActions(context: XapiContext): ProviderActions['template'] {
  const { VM } = context.xapi.client
  return {
    async update({ id, name, description, tags }) {
      const ref = await refOf(context, id, 'VM')
      if (name !== undefined) await VM.set_name_label(ref, name)
      if (description !== undefined) await VM.set_name_description(ref, description)
      if (tags !== undefined) await VM.set_tags(ref, [...new Set(tags)])
    },
    async clone({ id, name }, task) {
      const ref = await follow(context, context.xapi.client.async.VM.clone(await refOf(context, id, 'VM'), name), task)
      return { made: [await idOf(context, 'template', { className: 'VM', ref })] }
    },
    async convertToVm({ id }) {
      const ref = await refOf(context, id, 'VM')
      await VM.set_is_a_template(ref, false)
      return { made: [await idOf(context, 'vm', { className: 'VM', ref })] }
    },
    async delete({ id }, task) {
      await destroyVm(context, { vm: await refOf(context, id, 'VM') }, task)
    },
  }
}
