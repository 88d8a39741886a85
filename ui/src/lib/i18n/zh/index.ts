import { common } from './common';
import { overview } from './overview';
import { log } from './log';
import { models } from './models';
import { routing } from './routing';
import { engine } from './engine';
import { errors } from './errors';
import { images } from './images';
import { backends } from './backends';
import { connect } from './connect';
import { settings } from './settings';
import { setup } from './setup';
import type { Catalogue } from '../en';

export const zh: Catalogue = { common, overview, log, models, routing, images, backends, connect, settings, setup, engine, errors };
