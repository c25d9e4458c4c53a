import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { basePath } from './base.ts'
import { NotFound, PageError } from './pages/page-error.tsx'
import { VmsPage } from './pages/vms.tsx'
import { Shell } from './shell/shell.tsx'

/** What may stand behind the `?` of an address. */
export interface Search {
  /** Query of a list. */
  readonly q?: string | undefined
  /** Order of a list. */
  readonly sort?: string | undefined
  /** The first steps. */
  readonly first?: boolean | undefined
  /** Without the bars around the page: a window with a console. */
  readonly bare?: boolean | undefined
  /** Objects to compare, with commas between them. */
  readonly ids?: string | undefined
}

/** Only what is known, and of the right kind: anybody can write an address. */
function readSearch(given: Readonly<Record<string, unknown>>): Search {
  const { q, sort, first, bare, ids } = given
  return {
    ...(typeof q === 'string' ? { q } : typeof q === 'number' ? { q: String(q) } : {}),
    ...(typeof sort === 'string' ? { sort } : {}),
    ...(first === true ? { first } : {}),
    ...(bare === true ? { bare } : {}),
    ...(typeof ids === 'string' ? { ids } : {}),
  }
}

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: PageError,
  validateSearch: readSearch,
})
const page = { getParentRoute: () => root, errorComponent: PageError } as const

const lists = () => import('./pages/inventory-lists.tsx')
const more = () => import('./pages/more-lists.tsx')
const details = () => import('./pages/inventory-details.tsx')
const routes = [
  createRoute({
    ...page,
    path: '/',
    component: lazyRouteComponent(() => import('./pages/overview.tsx'), 'OverviewPage'),
  }),
  // Who opens the set-up link again, and is signed in.
  createRoute({ ...page, path: '/setup', component: VmsPage }),
  createRoute({ ...page, path: '/vms', component: VmsPage }),
  createRoute({
    ...page,
    path: '/vms/$id',
    component: lazyRouteComponent(() => import('./pages/vm/details.tsx'), 'VmPage'),
  }),
  createRoute({
    ...page,
    path: '/vms/new',
    component: lazyRouteComponent(() => import('./pages/vm/create.tsx'), 'CreateVmPage'),
  }),
  createRoute({
    ...page,
    path: '/vms/import',
    component: lazyRouteComponent(() => import('./pages/vm/import.tsx'), 'ImportVmPage'),
  }),
  createRoute({
    ...page,
    path: '/vms/compare',
    component: lazyRouteComponent(() => import('./pages/compare.tsx'), 'ComparePage'),
  }),
  createRoute({
    ...page,
    path: '/vms/$id/charts',
    component: lazyRouteComponent(() => import('./pages/vm/charts.tsx'), 'VmChartsPage'),
  }),
  createRoute({
    ...page,
    path: '/vms/$id/snapshots',
    component: lazyRouteComponent(() => import('./pages/vm/snapshots.tsx'), 'VmSnapshotsPage'),
  }),
  createRoute({
    ...page,
    path: '/vms/$id/backups',
    component: lazyRouteComponent(() => import('./pages/vm/backups.tsx'), 'VmBackupsPage'),
  }),
  createRoute({
    ...page,
    path: '/vms/$id/console',
    component: lazyRouteComponent(() => import('./pages/console.tsx'), 'VmConsolePage'),
  }),
  createRoute({
    ...page,
    path: '/hosts/$id/console',
    component: lazyRouteComponent(() => import('./pages/console.tsx'), 'HostConsolePage'),
  }),
  createRoute({ ...page, path: '/hosts', component: lazyRouteComponent(lists, 'HostsPage') }),
  createRoute({ ...page, path: '/hosts/$id', component: lazyRouteComponent(details, 'HostPage') }),
  createRoute({ ...page, path: '/storages', component: lazyRouteComponent(lists, 'StoragesPage') }),
  createRoute({ ...page, path: '/storages/$id', component: lazyRouteComponent(details, 'StoragePage') }),
  createRoute({ ...page, path: '/hosts/$id/charts', component: lazyRouteComponent(details, 'HostChartsPage') }),
  createRoute({ ...page, path: '/storages/$id/charts', component: lazyRouteComponent(details, 'StorageChartsPage') }),
  createRoute({ ...page, path: '/pools', component: lazyRouteComponent(more, 'PoolsPage') }),
  createRoute({ ...page, path: '/pools/$id', component: lazyRouteComponent(more, 'PoolPage') }),
  createRoute({ ...page, path: '/disks', component: lazyRouteComponent(more, 'DisksPage') }),
  createRoute({ ...page, path: '/templates', component: lazyRouteComponent(more, 'TemplatesPage') }),
  createRoute({ ...page, path: '/alarms', component: lazyRouteComponent(more, 'AlarmsPage') }),
  createRoute({
    ...page,
    path: '/calendar',
    component: lazyRouteComponent(() => import('./pages/calendar/calendar.tsx'), 'CalendarPage'),
  }),
  createRoute({ ...page, path: '/networks', component: lazyRouteComponent(lists, 'NetworksPage') }),
  createRoute({ ...page, path: '/networks/$id', component: lazyRouteComponent(details, 'NetworkPage') }),
  createRoute({
    ...page,
    path: '/tasks',
    component: lazyRouteComponent(() => import('./pages/tasks.tsx'), 'TasksPage'),
  }),
  createRoute({ ...page, path: '/jobs', component: lazyRouteComponent(() => import('./pages/jobs.tsx'), 'JobsPage') }),
  createRoute({
    ...page,
    path: '/jobs/new',
    component: lazyRouteComponent(() => import('./pages/job/editor.tsx'), 'JobEditorPage'),
  }),
  createRoute({
    ...page,
    path: '/jobs/$id',
    component: lazyRouteComponent(() => import('./pages/job/editor.tsx'), 'JobEditorPage'),
  }),
  createRoute({
    ...page,
    path: '/runs/$id',
    component: lazyRouteComponent(() => import('./pages/run.tsx'), 'RunPage'),
  }),
  createRoute({
    ...page,
    path: '/points',
    component: lazyRouteComponent(() => import('./pages/points.tsx'), 'PointsPage'),
  }),
  createRoute({
    ...page,
    path: '/repositories',
    component: lazyRouteComponent(() => import('./pages/repositories.tsx'), 'RepositoriesPage'),
  }),
  createRoute({
    ...page,
    path: '/connections',
    component: lazyRouteComponent(() => import('./pages/connections.tsx'), 'ConnectionsPage'),
  }),
  createRoute({
    ...page,
    path: '/connections/new',
    component: lazyRouteComponent(() => import('./pages/connect.tsx'), 'ConnectPage'),
  }),
  createRoute({
    ...page,
    path: '/settings',
    beforeLoad: () => {
      // The router takes what is thrown as where to go.
      // oxlint-disable-next-line typescript/only-throw-error
      throw redirect({ to: '/settings/account' })
    },
  }),
  createRoute({
    ...page,
    path: '/settings/account',
    component: lazyRouteComponent(() => import('./pages/settings/account.tsx'), 'AccountPage'),
  }),
  createRoute({
    ...page,
    path: '/settings/browser',
    component: lazyRouteComponent(() => import('./pages/settings/browser.tsx'), 'BrowserPage'),
  }),
  createRoute({
    ...page,
    path: '/settings/users',
    component: lazyRouteComponent(() => import('./pages/settings/users.tsx'), 'UsersPage'),
  }),
  createRoute({
    ...page,
    path: '/settings/roles',
    component: lazyRouteComponent(() => import('./pages/settings/roles.tsx'), 'RolesPage'),
  }),
  createRoute({
    ...page,
    path: '/settings/notifications',
    component: lazyRouteComponent(() => import('./pages/settings/channels.tsx'), 'ChannelsPage'),
  }),
  createRoute({
    ...page,
    path: '/settings/audit',
    component: lazyRouteComponent(() => import('./pages/settings/audit.tsx'), 'AuditPage'),
  }),
  createRoute({
    ...page,
    path: '/settings/server',
    component: lazyRouteComponent(() => import('./pages/settings/server.tsx'), 'ServerPage'),
  }),
  createRoute({
    ...page,
    path: '/settings/about',
    component: lazyRouteComponent(() => import('./pages/settings/about.tsx'), 'AboutPage'),
  }),
]

/** All pages of the console. */
export const router = createRouter({
  routeTree: root.addChildren(routes),
  basepath: basePath,
  defaultPreload: 'intent',
  scrollRestoration: false,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
