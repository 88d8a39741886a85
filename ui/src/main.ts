import { mount } from 'svelte';
import App from './app/App.svelte';
import { CallError, openHost } from './lib/host';
import { language } from './lib/i18n/choice.svelte';
import { theme } from './lib/theme.svelte';
import './styles/tokens.css';
import './styles/base.css';
import './styles/common.css';

theme.apply();

/** A code that does not work is told on the sign-in page; the window opens all the same. */
const [refused] = await Promise.all([openHost().then(() => undefined, CallError.from), language.apply()]);

const target = document.getElementById('app');
if (target !== null) mount(App, { target, props: { refused } });
