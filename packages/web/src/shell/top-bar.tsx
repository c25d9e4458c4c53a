import { Link, useNavigate } from '@tanstack/react-router'
import { CircleUser, Languages, LogOut, Menu as MenuIcon, Monitor, Moon, Search, Sun, UserCog } from 'lucide-react'
import type { ReactNode } from 'react'
import { session, signOut } from '../session/session.ts'
import { IconButton } from '../ui/button.tsx'
import { Logo } from '../ui/logo.tsx'
import { Menu } from '../ui/menu.tsx'
import { useValue } from '../value.ts'
import { openPalette } from './palette.tsx'
import { chooseTheme, theme, themes } from './theme.ts'
import { shell } from '../i18n/shell.ts'
import { chooseLocale, languageNames, locale, type Locale } from '../i18n/locale.ts'

const themeIcons = {
  system: <Monitor size={16} aria-hidden />,
  light: <Sun size={16} aria-hidden />,
  dark: <Moon size={16} aria-hidden />,
} as const

/** The bar above every page. */
export function TopBar({ onMenu }: { readonly onMenu: () => void }): ReactNode {
  return (
    <header className="bg-panel border-line flex h-12 shrink-0 items-center gap-2 border-b px-3">
      <IconButton
        label={shell.areas}
        className="md:hidden"
        onClick={onMenu}
        icon={<MenuIcon size={20} aria-hidden />}
      />
      <Link to="/" className="flex items-center gap-2 text-base font-semibold md:w-46" aria-label={shell.home}>
        <Logo size={24} />
        <span className="max-sm:hidden">Nixen</span>
      </Link>
      <button
        type="button"
        onClick={openPalette}
        className="border-edge text-muted hover:bg-hover flex min-h-8 min-w-0 flex-1 items-center gap-2 rounded-md border px-3 sm:max-w-md"
      >
        <Search size={15} aria-hidden />
        <span className="min-w-0 flex-1 truncate text-left">{shell.search}</span>
        <kbd className="max-sm:hidden font-sans text-xs">{shell.searchKey}</kbd>
      </button>
      <div className="ml-auto">
        <UserMenu />
      </div>
    </header>
  )
}

function UserMenu(): ReactNode {
  const state = useValue(session)
  const chosen = useValue(theme)
  const navigate = useNavigate()
  const name = 'me' in state ? (state.me.user.fullName ?? state.me.user.name) : ''
  return (
    <Menu
      look="quiet"
      label={shell.user({ name })}
      icon={<CircleUser size={20} aria-hidden />}
      entries={[
        ...themes.map((one) => ({
          id: one,
          label: shell.theme({ theme: shell.themes[one] }),
          icon: themeIcons[one],
          checked: one === chosen,
          run: () => chooseTheme(one),
        })),
        ...Object.entries(languageNames).map(([id, label], index) => ({
          id,
          label,
          icon: <Languages size={16} aria-hidden />,
          checked: id === locale,
          apart: index === 0,
          // The keys of the names are the languages.
          run: () => chooseLocale(id as Locale),
        })),
        {
          id: 'account',
          label: shell.account,
          icon: <UserCog size={16} aria-hidden />,
          apart: true,
          run: () => void navigate({ to: '/settings/account' }),
        },
        {
          id: 'out',
          label: shell.signOut,
          icon: <LogOut size={16} aria-hidden />,
          run: () => void signOut(),
        },
      ]}
    >
      <span className="max-w-40 truncate max-sm:hidden">{name}</span>
    </Menu>
  )
}
