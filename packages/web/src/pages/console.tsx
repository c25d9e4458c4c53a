import { useParams, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useState, type ReactNode } from 'react'
import { basePath } from '../base.ts'
import type { ConsoleOf } from '../console/link.ts'
import { common } from '../i18n/common.ts'
import { consoleText as t } from '../i18n/console.ts'
import { shell } from '../i18n/shell.ts'
import { useObject } from '../live/live.ts'
import { Button } from '../ui/button.tsx'
import { Page } from '../ui/page.tsx'
import { Gone } from './page-error.tsx'

const Screen = lazy(async () => ({ default: (await import('../console/screen.tsx')).Screen }))
const Serial = lazy(async () => ({ default: (await import('../console/serial.tsx')).Serial }))

/** The console of a VM, on a page or in a window of its own. */
export function VmConsolePage(): ReactNode {
  const { id = '' } = useParams({ strict: false })
  const vm = useObject('vm', id)
  if (!vm) return <Gone what="vm" list="/vms" />
  return (
    <ConsolePage
      of={{ type: 'vm', id: vm.id }}
      name={vm.name || common.noName}
      isOn={vm.power === 'running' || vm.power === 'paused'}
      crumbs={[
        { label: shell.vms, to: '/vms' },
        { label: vm.name || common.noName, to: `/vms/${id}` },
      ]}
    />
  )
}

/** The console of a host. */
export function HostConsolePage(): ReactNode {
  const { id = '' } = useParams({ strict: false })
  const host = useObject('host', id)
  if (!host) return <Gone what="host" list="/hosts" />
  return (
    <ConsolePage
      of={{ type: 'host', id: host.id }}
      name={host.name}
      isOn={host.power === 'running'}
      crumbs={[
        { label: shell.hosts, to: '/hosts' },
        { label: host.name, to: `/hosts/${id}` },
      ]}
    />
  )
}

function ConsolePage({
  of,
  name,
  isOn,
  crumbs,
}: {
  readonly of: ConsoleOf
  readonly name: string
  readonly isOn: boolean
  readonly crumbs: readonly { readonly label: string; readonly to: string }[]
}): ReactNode {
  const { bare = false } = useSearch({ strict: false })
  const [kind, setKind] = useState<'screen' | 'serial'>('screen')
  const popOut = bare ? undefined : `${basePath}${of.type}s/${of.id}/console?bare=true`
  const content = (
    <Suspense fallback={<p role="status">{common.loading}</p>}>
      <div className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-lg">
        {kind === 'screen' ? (
          <Screen of={of} name={name} isOn={isOn} popOut={popOut} />
        ) : (
          <Serial of={of} name={name} isOn={isOn} />
        )}
      </div>
    </Suspense>
  )
  return (
    <Page
      title={t.of({ name })}
      crumbs={bare ? [] : crumbs}
      fill
      actions={
        <span className="flex" role="group" aria-label={t.console}>
          {(['screen', 'serial'] as const).map((one) => (
            <Button
              key={one}
              look={kind === one ? 'solid' : 'plain'}
              aria-pressed={kind === one}
              onClick={() => setKind(one)}
            >
              {t[one]}
            </Button>
          ))}
        </span>
      }
    >
      {content}
    </Page>
  )
}
