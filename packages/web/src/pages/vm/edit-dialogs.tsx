import { GiB } from '@nixen/core'
import type { Vm } from '@nixen/api'
import { useState, type ReactNode } from 'react'
import { common } from '../../i18n/common.ts'
import { inventoryText } from '../../i18n/inventory.ts'
import { vmText as t } from '../../i18n/vm.ts'
import { client } from '../../session/session.ts'
import { AreaField, TextField } from '../../ui/field.tsx'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { Notice } from '../../ui/notice.tsx'
import { words } from '../job/draft.ts'

interface DialogProps {
  readonly vm: Vm
  readonly onClose: () => void
}

/** Changes what people wrote of a VM. What somebody else changes meanwhile is said; only what was touched is sent. */
export function EditNameDialog({ vm, onClose }: DialogProps): ReactNode {
  const [before] = useState(vm)
  const [name, setName] = useState(vm.name)
  const [description, setDescription] = useState(vm.description ?? '')
  const [tags, setTags] = useState(vm.tags.join(', '))
  const changedMeanwhile =
    vm.name !== before.name || vm.description !== before.description || vm.tags.join() !== before.tags.join()
  const send = async (): Promise<void> => {
    await client.vm.update({
      id: vm.id,
      ...(name.trim() === before.name ? {} : { name: name.trim() }),
      ...(description === (before.description ?? '') ? {} : { description }),
      ...(tags === before.tags.join(', ') ? {} : { tags: words(tags) }),
    })
  }
  return (
    <FormDialog title={inventoryText.editOf({ what: before.name })} label={common.save} send={send} onClose={onClose}>
      {changedMeanwhile && <Notice tone="warn">{inventoryText.changed}</Notice>}
      <TextField
        label={t.nameField}
        required
        autoFocus
        maxLength={1000}
        value={name}
        onChange={({ target }) => setName(target.value)}
      />
      <AreaField
        label={common.description}
        maxLength={10_000}
        value={description}
        onChange={({ target }) => setDescription(target.value)}
      />
      <TextField
        label={common.tags}
        help={inventoryText.tagsHelp}
        value={tags}
        onChange={({ target }) => setTags(target.value)}
      />
    </FormDialog>
  )
}

/** Changes vCPUs and memory. */
export function EditResourcesDialog({ vm, onClose }: DialogProps): ReactNode {
  const [cpus, setCpus] = useState(vm.vcpus)
  const [memory, setMemory] = useState(vm.memory / GiB)
  const send = async (): Promise<void> => {
    const isOff = vm.power === 'halted'
    const size = Math.round(memory * GiB)
    if (cpus !== vm.vcpus)
      await client.vm.setCpus({
        id: vm.id,
        count: cpus,
        ...(isOff && cpus > (vm.vcpusMax ?? cpus) ? { max: cpus } : {}),
      })
    if (size !== vm.memory)
      await client.vm.setMemory({ id: vm.id, size, ...(isOff && size > (vm.memoryMax ?? size) ? { max: size } : {}) })
  }
  return (
    <FormDialog title={inventoryText.editOf({ what: vm.name })} label={common.save} send={send} onClose={onClose}>
      <TextField
        label={t.vcpus}
        type="number"
        min={1}
        max={256}
        required
        autoFocus
        value={cpus}
        onChange={({ target }) => setCpus(target.valueAsNumber)}
      />
      <TextField
        label={t.memoryGiB}
        type="number"
        min={0.125}
        step="any"
        required
        value={memory}
        onChange={({ target }) => setMemory(target.valueAsNumber)}
      />
      {vm.power !== 'halted' && <Notice tone="info">{t.sooner}</Notice>}
    </FormDialog>
  )
}
