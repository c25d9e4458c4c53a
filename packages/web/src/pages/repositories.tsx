import type { Repository } from '@nixen/api'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { formatBytes, formatCount } from '../format/format.ts'
import { lacking, useAccess } from '../session/may.ts'
import { client } from '../session/session.ts'
import { Button } from '../ui/button.tsx'
import { useWork } from '../ui/use-work.ts'
import { toast } from '../ui/toasts.tsx'
import { RepositoryDialog } from './repository-dialog.tsx'
import { errorText } from '../ui/error-text.ts'
import { Notice } from '../ui/notice.tsx'
import { Empty, Facts, Page } from '../ui/page.tsx'
import { State, type Shape, type StateTone } from '../ui/state.tsx'
import { Ago } from '../ui/time.tsx'
import { repositoriesQuery } from './backup-queries.ts'
import { common } from '../i18n/common.ts'
import { shell } from '../i18n/shell.ts'
import { backup as t } from '../i18n/backup.ts'

const looks: Readonly<Record<Repository['state'], readonly [Shape, StateTone]>> = {
  unknown: ['ring', 'still'],
  ready: ['full', 'good'],
  unavailable: ['half', 'warn'],
  failed: ['cross', 'bad'],
}

/** Where backups live, and how they are. */
export function RepositoriesPage(): ReactNode {
  const { data, error, isPending } = useQuery(repositoriesQuery)
  const access = useAccess()
  const [making, setMaking] = useState(false)
  const make = (
    <Button
      look="solid"
      icon={<Plus size={16} aria-hidden />}
      reason={lacking(access, 'repository:create')}
      onClick={() => setMaking(true)}
    >
      {t.newRepository}
    </Button>
  )
  return (
    <Page
      title={shell.repositories}
      note={data && formatCount(data.length)}
      fill={data?.length === 0}
      actions={data && data.length > 0 && make}
    >
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {isPending && <p role="status">{common.loading}</p>}
      {data?.length === 0 && (
        <Empty title={t.noRepository} action={make}>
          {t.noRepositoryHelp}
        </Empty>
      )}
      <ul className="grid gap-4 empty:hidden xl:grid-cols-2">
        {data?.map((repository) => (
          <RepositoryCard key={repository.id} repository={repository} />
        ))}
      </ul>
      {making && <RepositoryDialog onClose={() => setMaking(false)} />}
    </Page>
  )
}

function RepositoryCard({ repository }: { readonly repository: Repository }): ReactNode {
  const { id, name, location, state, error, points, vms, newest, usage, lastCheck, lastPrune, busy, damaged } =
    repository
  const [shape, tone] = looks[state]
  const access = useAccess()
  const work = useWork()
  const mayMaintain = lacking(access, 'repository:maintain', repository)
  return (
    <li className="bg-panel border-line rounded-lg border p-4">
      <div className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-1">
        <h2 className="font-semibold break-words">{name}</h2>
        <State shape={shape} tone={tone}>
          {t.repositoryStates[state]}
        </State>
        {busy && busy.length > 0 && <span className="text-muted">{busy.join(', ')} …</span>}
        <Link
          to="/points"
          search={{ q: `repository:${id}` }}
          className="text-accent ml-auto min-h-6 leading-6 hover:underline"
        >
          {shell.points}
        </Link>
        <Button
          disabled={work.busy}
          reason={mayMaintain}
          aria-label={`${t.check}: ${name}`}
          onClick={() =>
            void work.run(async () => {
              await client.repository.check({ id })
              toast('good', t.checking({ name }))
            })
          }
        >
          {t.check}
        </Button>
        <Button
          disabled={work.busy}
          reason={mayMaintain}
          aria-label={`${t.prune}: ${name}`}
          onClick={() =>
            void work.run(async () => {
              await client.repository.prune({ id })
              toast('good', t.pruning({ name }))
            })
          }
        >
          {t.prune}
        </Button>
      </div>
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      {error && <Notice tone={state === 'failed' ? 'bad' : 'warn'}>{error.message}</Notice>}
      {(damaged ?? 0) > 0 && <Notice tone="bad">{t.damaged({ n: damaged ?? 0 })}</Notice>}
      {lastCheck?.ok === false && <Notice tone="bad">{t.checkFound({ first: lastCheck.first ?? '' })}</Notice>}
      <div className="mt-3">
        <Facts
          facts={[
            [t.location, <code className="text-xs break-all">{location}</code>],
            [shell.points, t.pointsOf({ points, vms })],
            [t.newest, newest === undefined ? undefined : <Ago time={newest} />],
            [
              t.takes,
              usage && t.stored({ stored: formatBytes(usage.stored), restorable: formatBytes(usage.restorable) }),
            ],
            [t.deduplication, usage && `${usage.deduplication.toFixed(1)} ×`],
            [
              t.lastCheck,
              lastCheck && (
                <>
                  <Ago time={lastCheck.at} />, {lastCheck.ok ? t.nothingDamaged : t.findings({ n: lastCheck.findings })}
                </>
              ),
            ],
            [
              t.lastPrune,
              lastPrune && (
                <>
                  <Ago time={lastPrune.at} />, {t.freed({ bytes: formatBytes(lastPrune.freed) })}
                </>
              ),
            ],
            [t.protection, repository.immutability.mode === 'none' ? undefined : repository.immutability.mode],
          ]}
        />
      </div>
    </li>
  )
}
