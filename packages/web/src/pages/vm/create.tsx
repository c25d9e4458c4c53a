import type { Template } from '@nixen/api'
import { useQuery } from '@tanstack/react-query'
import { useBlocker, useNavigate } from '@tanstack/react-router'
import { Plus, X } from 'lucide-react'
import { useRef, useState, type ReactNode } from 'react'
import { formatBytes, formatShort } from '../../format/format.ts'
import { common } from '../../i18n/common.ts'
import { inventoryText } from '../../i18n/inventory.ts'
import { shell } from '../../i18n/shell.ts'
import { vmText as t } from '../../i18n/vm.ts'
import { useAll } from '../../live/live.ts'
import { lacking, useAccess } from '../../session/may.ts'
import { client } from '../../session/session.ts'
import { Button, IconButton } from '../../ui/button.tsx'
import { AreaField, CheckField, SelectField, TextField } from '../../ui/field.tsx'
import { Notice } from '../../ui/notice.tsx'
import { Card, Page } from '../../ui/page.tsx'
import { State } from '../../ui/state.tsx'
import { toast } from '../../ui/toasts.tsx'
import { useWork } from '../../ui/use-work.ts'
import { emptyDraft, needsOf, requestOf, type CreateDraft } from './create-draft.ts'
import { StorageField } from './storage-field.tsx'

interface Setting {
  readonly draft: CreateDraft
  readonly set: (next: Partial<CreateDraft>) => void
}

let keys = 0
const nextKey = (): number => (keys += 1)

/** Describes a VM, says where it fits, and makes it. */
export function CreateVmPage(): ReactNode {
  const pools = useAll('pool')
  const [draft, setDraft] = useState<CreateDraft>(emptyDraft)
  const made = useRef(false)
  const access = useAccess()
  const navigate = useNavigate()
  const work = useWork()
  const set = (next: Partial<CreateDraft>): void => setDraft((before) => ({ ...before, ...next }))
  const pool = draft.pool || pools[0]?.id || ''
  const template = useAll('template').find(({ id }) => id === draft.template)
  useBlocker({
    // A question of the browser: it can be answered by keyboard, and stands above everything.
    // oxlint-disable-next-line no-alert
    shouldBlockFn: () => draft !== emptyDraft && !made.current && !confirm(common.leave),
    enableBeforeUnload: () => draft !== emptyDraft && !made.current,
  })
  const send = async (): Promise<void> => {
    await client.vm.create(requestOf(draft))
    made.current = true
    toast('good', t.made({ name: draft.name }))
    await navigate({ to: '/vms' })
  }
  const reason =
    (template ? lacking(access, 'vm:create', template) : undefined) ?? (template ? undefined : common.choose)
  return (
    <Page title={t.createVm} crumbs={[{ label: shell.vms, to: '/vms' }]}>
      <form
        className="grid max-w-5xl items-start gap-4 xl:grid-cols-[minmax(0,1fr)_20rem]"
        onSubmit={(event) => {
          event.preventDefault()
          if (reason === undefined) void work.run(send)
        }}
      >
        <div className="grid min-w-0 gap-4">
          <TemplateCard draft={{ ...draft, pool }} set={set} />
          <NameCard draft={draft} set={set} />
          <ResourcesCard draft={draft} set={set} template={template} />
          <DisksCard draft={{ ...draft, pool }} set={set} template={template} />
          <NicsCard draft={{ ...draft, pool }} set={set} />
          <CloudCard draft={draft} set={set} />
        </div>
        <div className="grid gap-4 xl:sticky xl:top-4">
          <Placement draft={{ ...draft, pool }} set={set} template={template} />
          {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
          <div>
            <Button type="submit" look="solid" disabled={work.busy} reason={reason}>
              {t.create}
            </Button>
          </div>
        </div>
      </form>
    </Page>
  )
}

function TemplateCard({ draft, set }: Setting): ReactNode {
  const pools = useAll('pool')
  const [withDefault, setWithDefault] = useState(true)
  const templates = useAll('template')
    .filter((one) => one.pool === draft.pool && (withDefault || !one.default))
    .toSorted((a, b) => Number(a.default) - Number(b.default) || a.name.localeCompare(b.name))
  return (
    <Card title={t.templateStep}>
      <div className="grid gap-4">
        {pools.length > 1 && (
          <SelectField
            label={t.pool}
            value={draft.pool}
            onChange={({ target }) =>
              set({ pool: target.value, template: '', disks: [], nics: [], media: '', host: '' })
            }
          >
            {pools.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </SelectField>
        )}
        <SelectField
          label={t.template}
          value={draft.template}
          autoFocus
          required
          help={templates.length === 0 ? t.templateNone : undefined}
          onChange={({ target }) => set({ template: target.value })}
        >
          <option value="">{common.choose}</option>
          {templates.map(({ id, name, diskSize }) => (
            <option key={id} value={id}>
              {diskSize > 0 ? `${name} (${formatBytes(diskSize)})` : name}
            </option>
          ))}
        </SelectField>
        <CheckField
          label={t.systemTemplates}
          checked={withDefault}
          onChange={({ target }) => setWithDefault(target.checked)}
        />
      </div>
    </Card>
  )
}

function NameCard({ draft, set }: Setting): ReactNode {
  return (
    <Card title={t.what}>
      <div className="grid gap-4 sm:grid-cols-[minmax(0,1fr)_7rem]">
        <TextField
          label={common.name}
          required
          maxLength={1000}
          help={draft.count > 1 ? t.indexHelp : undefined}
          value={draft.name}
          onChange={({ target }) => set({ name: target.value })}
        />
        <TextField
          label={t.howMany}
          type="number"
          min={1}
          max={100}
          required
          value={draft.count}
          onChange={({ target }) => set({ count: target.valueAsNumber })}
        />
        <TextField
          label={common.description}
          value={draft.description}
          onChange={({ target }) => set({ description: target.value })}
        />
        <TextField label={common.tags} value={draft.tags} onChange={({ target }) => set({ tags: target.value })} />
      </div>
    </Card>
  )
}

/** A number of a field, or none when it is empty. */
function numberOf(target: HTMLInputElement): number | undefined {
  return Number.isNaN(target.valueAsNumber) ? undefined : target.valueAsNumber
}

function ResourcesCard({ draft, set, template }: Setting & { readonly template: Template | undefined }): ReactNode {
  const isUefi = (draft.firmware || template?.firmware) === 'uefi'
  return (
    <Card title={t.resources}>
      <div className="grid gap-4 sm:grid-cols-3">
        <TextField
          label={t.vcpus}
          type="number"
          min={1}
          max={256}
          placeholder={template?.vcpus === undefined ? t.asTemplate : String(template.vcpus)}
          value={draft.vcpus ?? ''}
          onChange={({ target }) => set({ vcpus: numberOf(target) })}
        />
        <TextField
          label={t.memoryGiB}
          type="number"
          min={0.125}
          step="any"
          placeholder={template?.memory === undefined ? t.asTemplate : formatShort(template.memory / 1024 ** 3)}
          value={draft.memory ?? ''}
          onChange={({ target }) => set({ memory: numberOf(target) })}
        />
        <SelectField
          label={t.firmware}
          value={draft.firmware}
          onChange={({ target }) =>
            set({ firmware: target.value === 'bios' || target.value === 'uefi' ? target.value : '' })
          }
        >
          <option value="">{t.asTemplate}</option>
          <option value="bios">{t.firmwares.bios}</option>
          <option value="uefi">{t.firmwares.uefi}</option>
        </SelectField>
        {isUefi && (
          <>
            <CheckField
              label={t.secureBoot}
              checked={draft.secureBoot}
              onChange={({ target }) => set({ secureBoot: target.checked })}
            />
            <CheckField label={t.tpm} checked={draft.tpm} onChange={({ target }) => set({ tpm: target.checked })} />
          </>
        )}
      </div>
    </Card>
  )
}

function DisksCard({ draft, set, template }: Setting & { readonly template: Template | undefined }): ReactNode {
  const images = useAll('disk').filter(({ pool, kind }) => pool === draft.pool && kind === 'image')
  return (
    <Card
      title={t.disks}
      actions={
        <Button
          icon={<Plus size={16} aria-hidden />}
          onClick={() => set({ disks: [...draft.disks, { key: nextKey(), size: 20, storage: '' }] })}
        >
          {t.moreDisk}
        </Button>
      }
    >
      <div className="grid gap-4">
        {template && (
          <p className="text-muted">
            {t.templateDisks({ n: template.disks.length, size: formatBytes(template.diskSize) })}
          </p>
        )}
        {template && template.disks.length > 0 && (
          <StorageField
            pool={draft.pool}
            label={t.copyTo}
            none={t.cloneQuickly}
            value={draft.storage}
            onChange={(storage) => set({ storage })}
          />
        )}
        {draft.disks.map((disk) => (
          <div key={disk.key} className="flex items-start gap-2">
            <div className="grid min-w-0 flex-1 gap-3 sm:grid-cols-2">
              <TextField
                label={t.diskSize}
                type="number"
                min={0.001}
                step="any"
                required
                value={disk.size}
                onChange={({ target }) =>
                  set({
                    disks: draft.disks.map((one) =>
                      one.key === disk.key ? { ...one, size: target.valueAsNumber } : one,
                    ),
                  })
                }
              />
              <StorageField
                pool={draft.pool}
                none={inventoryText.defaultOfPool}
                value={disk.storage}
                onChange={(storage) =>
                  set({ disks: draft.disks.map((one) => (one.key === disk.key ? { ...one, storage } : one)) })
                }
              />
            </div>
            <IconButton
              label={t.removeDisk}
              className="mt-6"
              onClick={() => set({ disks: draft.disks.filter(({ key }) => key !== disk.key) })}
              icon={<X size={16} aria-hidden />}
            />
          </div>
        ))}
        <SelectField label={t.media} value={draft.media} onChange={({ target }) => set({ media: target.value })}>
          <option value="">{t.mediaNone}</option>
          {images.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </SelectField>
        <CheckField
          label={t.networkBoot}
          checked={draft.networkBoot}
          onChange={({ target }) => set({ networkBoot: target.checked })}
        />
      </div>
    </Card>
  )
}

function NicsCard({ draft, set }: Setting): ReactNode {
  const networks = useAll('network').filter(({ pool }) => pool === draft.pool)
  return (
    <Card
      title={t.nics}
      actions={
        <Button
          icon={<Plus size={16} aria-hidden />}
          onClick={() => set({ nics: [...draft.nics, { key: nextKey(), network: networks[0]?.id ?? '' }] })}
        >
          {t.moreNic}
        </Button>
      }
    >
      <div className="grid gap-3">
        {draft.nics.length === 0 && <p className="text-muted">{t.asTemplate}</p>}
        {draft.nics.map((nic, index) => (
          <div key={nic.key} className="flex items-end gap-2">
            <div className="min-w-0 flex-1">
              <SelectField
                label={`${t.network} ${index + 1}`}
                value={nic.network}
                onChange={({ target }) =>
                  set({
                    nics: draft.nics.map((one) => (one.key === nic.key ? { ...one, network: target.value } : one)),
                  })
                }
              >
                {networks.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </SelectField>
            </div>
            <IconButton
              label={t.removeNic({ name: `${t.network} ${index + 1}` })}
              onClick={() => set({ nics: draft.nics.filter(({ key }) => key !== nic.key) })}
              icon={<X size={16} aria-hidden />}
            />
          </div>
        ))}
      </div>
    </Card>
  )
}

function CloudCard({ draft, set }: Setting): ReactNode {
  const [kind, setKind] = useState('')
  const saved = useQuery({
    queryKey: ['cloudConfig.list'],
    queryFn: async ({ signal }) => (await client.cloudConfig.list({}, { signal })).items,
    retry: false,
  })
  return (
    <Card title={t.cloudInit}>
      <div className="grid gap-4">
        <SelectField
          label={t.cloudSaved}
          value={kind}
          onChange={({ target }) => {
            setKind(target.value)
            const config = saved.data?.find(({ id }) => id === target.value)
            if (target.value !== 'own') set({ userData: config?.user ?? '', networkConfig: config?.network ?? '' })
          }}
        >
          <option value="">{t.cloudNone}</option>
          <option value="own">{t.cloudOwn}</option>
          {saved.data?.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </SelectField>
        {kind !== '' && (
          <>
            <AreaField
              label={t.userData}
              help={t.userDataHelp}
              rows={8}
              maxLength={256 * 1024}
              spellCheck={false}
              className="font-mono text-xs"
              placeholder={'#cloud-config\nhostname: {name}\nssh_authorized_keys:\n  - ssh-ed25519 …'}
              value={draft.userData}
              onChange={({ target }) => set({ userData: target.value })}
            />
            <AreaField
              label={t.networkConfig}
              rows={3}
              maxLength={64 * 1024}
              spellCheck={false}
              className="font-mono text-xs"
              value={draft.networkConfig}
              onChange={({ target }) => set({ networkConfig: target.value })}
            />
          </>
        )}
      </div>
    </Card>
  )
}

/** What it comes to, and which hosts have the memory for it now. */
function Placement({ draft, set, template }: Setting & { readonly template: Template | undefined }): ReactNode {
  const hosts = useAll('host').filter(
    ({ pool, power, enabled }) => pool === draft.pool && power === 'running' && enabled,
  )
  const { vcpus, memory, disk } = needsOf(draft, template)
  const rooms = hosts
    .map(({ id, name, memory: all = 0, memoryUsed = 0 }) => ({ id, name, free: Math.max(0, all - memoryUsed) }))
    .toSorted((a, b) => b.free - a.free)
  const fits = rooms.some(({ free }) => free >= memory)
  return (
    <section className="bg-panel border-line grid gap-3 rounded-lg border p-4" aria-label={t.summary}>
      <h2 className="font-semibold">{t.summary}</h2>
      <p aria-live="polite">
        {t.summaryText({ n: draft.count || 1, vcpus, memory: formatBytes(memory), disk: formatBytes(disk) })}
      </p>
      {template && (
        <div className="grid gap-1">
          <p className="font-medium">{t.placement}</p>
          <p className="text-muted">{t.placementNeed({ memory: formatBytes(memory) })}</p>
          <ul>
            {rooms.slice(0, 8).map(({ id, name, free }) => (
              <li key={id}>
                <State shape={free >= memory ? 'full' : 'cross'} tone={free >= memory ? 'good' : 'warn'}>
                  {free >= memory
                    ? t.fits({ host: name, free: formatBytes(free) })
                    : t.fitsNot({ host: name, free: formatBytes(free) })}
                </State>
              </li>
            ))}
          </ul>
          {!fits && <Notice tone="warn">{t.fitsNowhere}</Notice>}
        </div>
      )}
      <SelectField label={t.preferred} value={draft.host} onChange={({ target }) => set({ host: target.value })}>
        <option value="">{t.anyHost}</option>
        {hosts.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </SelectField>
      <CheckField label={t.start} checked={draft.start} onChange={({ target }) => set({ start: target.checked })} />
      <CheckField
        label={t.autoStart}
        checked={draft.autoStart}
        onChange={({ target }) => set({ autoStart: target.checked })}
      />
    </section>
  )
}
