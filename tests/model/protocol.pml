/* One job: its claimers, the service that runs it, the target it publishes to, a person who cancels,
   a sweep.

   Time is not counted: a lease may lapse at any moment, a process may pause for ever or die between
   any two steps, a request may arrive late or never, an answer may be lost. What the settle delay
   gives is that requests sent under an older lease have arrived or never will. Each switch takes one
   guard away (variants.py says which and why); without any this is the protocol as it is built. */

#ifndef RUNNERS
#define RUNNERS 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef LAPSES
#define LAPSES 1
#endif
#ifndef TOKENS
#define TOKENS 4
#endif
#define GENERATIONS 2

#define KEYED 0        /* a second launch under a key is the first one */
#define SEARCHABLE 1   /* a listing shows what was started */
#define BLIND 2        /* neither */
#ifndef SERVICE
#define SERVICE KEYED
#endif

mtype = { queued, launching, running, finishing, succeeded, parked, cancelled };

/* The row, and the store's one sequence. */
mtype state = queued;
byte token = 0, generation = 0, owner = 0, sequence = 0;
bool wish = false;

/* What really is, to be learned through the verbs only. */
byte runs[GENERATIONS];
bool alive[GENERATIONS], well[GENERATIONS];
bool forgotten = false;
byte sent[RUNNERS];    /* a launch under way: its generation + 1 */
byte fence = 0, applied = 0;
mtype over = queued;   /* the first end there was */
bool lapsed[RUNNERS];
byte crashes = 0, lapses = 0;

#define LIVING (alive[0] + alive[1])
#define ENDED (state == succeeded || state == cancelled)
#if RUNNERS == 2
#define NONE_UNDER_WAY (sent[0] == 0 && sent[1] == 0)
#else
#define NONE_UNDER_WAY (sent[0] == 0 && sent[1] == 0 && sent[2] == 0)
#endif

#ifdef NO_TOKEN
#define HOLDS true
#else
#define HOLDS (token == my)
#endif
#ifdef TOKENS_AGAIN
#define NEXT 1
#else
#define NEXT (sequence + 1)
#endif

#define DIE if :: true :: crashes < CRASHES -> crashes++; lapsed[me] = true; goto anew fi

inline check_end() {
  if
  :: ENDED ->
     assert(over == queued || over == state);          /* I6: an end is final */
     over = state;
     assert(LIVING == 0);                              /* nothing lives on behind it */
     assert(state != succeeded || applied == 1)        /* I3 */
  :: else -> assert(over == queued)
  fi
}

/* One guarded write, as one transaction. */
inline write(before, after) {
  d_step {
    kept = (state == before && HOLDS);
    if :: kept -> state = after; check_end() :: else fi
  }
}

inline next_generation(before) {
  d_step {
    kept = (state == before && HOLDS);
    if :: kept -> state = queued; generation++ :: else fi
  }
}

proctype Runner(byte me) {
  byte my = 0, mine = 0;
  bool kept = false, fresh = false, seen = false;

anew:
  atomic { lapsed[me] = false; my = 0; mine = 0; fresh = false; seen = false; kept = false };
#ifdef NO_INTENT
  /* Launches first, and writes down afterwards that it did. */
  if
  :: atomic { state == queued && !wish && generation < GENERATIONS -> mine = generation };
     sent[me] = mine + 1;
     DIE;
     sent[me] == 0;
     atomic { if :: state == queued && sequence < TOKENS ->
                    sequence = NEXT; token = sequence; my = sequence; owner = me; state = running
                 :: else -> goto anew fi };
     goto watch
  :: else
  fi;
#endif
  if
  :: atomic { state == queued && !wish && sequence < TOKENS && generation < GENERATIONS ->
       sequence = NEXT; token = sequence; my = sequence; owner = me;
       state = launching; mine = generation; fresh = true }
  :: atomic { state == queued && wish && sequence < TOKENS ->
       sequence = NEXT; token = sequence; my = sequence; state = cancelled; check_end() }
  :: atomic { (state == launching || state == running || state == finishing) &&
              (owner == me || lapsed[owner]) && sequence < TOKENS ->
       sequence = NEXT; token = sequence; my = sequence; owner = me; mine = generation }
  :: ENDED || state == parked || sequence >= TOKENS || generation >= GENERATIONS -> goto leave
  fi;
  DIE;

decide:
  if
  :: my == 0 || !HOLDS || lapsed[me] -> goto anew
  :: else
  fi;
  if
  :: state == launching && fresh && wish -> write(launching, cancelled); goto anew
  :: state == launching && fresh && !wish -> fresh = false; goto launch
#ifdef LAUNCHES_WHATEVER
  :: state == launching && !fresh -> goto launch
#else
  :: state == launching && !fresh -> goto find
#endif
  :: state == running -> goto watch
  :: state == finishing -> goto publish
  :: else -> goto anew
  fi;

launch:
  atomic {
    if
#ifndef NO_SEND_BY
    :: lapsed[me] || !HOLDS -> goto anew
#endif
    :: else -> sent[me] = mine + 1
    fi
  };
  DIE;
  if
  :: atomic { sent[me] == 0 && runs[mine] > 0 -> goto attach }   /* the answer came */
  :: true                                                        /* it is lost, or late */
  fi;

find:
  DIE;
#if SERVICE == BLIND
#ifdef RELAUNCHES_IN_DOUBT
  write(launching, queued);
#else
  write(launching, parked);
#endif
  goto anew;
#else
  if
  :: runs[mine] > 0 -> goto attach
#ifdef NO_SETTLE
  :: atomic { runs[mine] == 0 -> kept = true }
#else
  :: atomic { runs[mine] == 0 && NONE_UNDER_WAY -> kept = true }
#endif
  :: lapsed[me] -> goto anew
  fi;
  if                                       /* proved absent: the same generation again */
  :: wish -> write(launching, cancelled)
  :: else -> write(launching, queued)
  fi;
  goto anew;
#endif

attach:
  DIE;
  write(launching, running);
  if :: kept :: else -> goto anew fi;

watch:
  DIE;
  if
#ifdef BELIEVES_ITS_CANCEL
  :: wish -> write(running, cancelled)
#else
  :: wish && LIVING == 0 -> write(running, cancelled)
  :: wish && LIVING > 0 -> write(running, parked)       /* it does not confirm */
#endif
#ifdef REPEATS_WHAT_VANISHED
  :: !wish && forgotten -> next_generation(running)
#else
  :: !wish && forgotten -> write(running, parked)
#endif
  :: atomic { !wish && !forgotten && !alive[mine] && well[mine] -> write(running, finishing) };
     if :: kept -> goto publish :: else fi
  :: atomic { !wish && !forgotten && !alive[mine] && !well[mine] -> next_generation(running) }
  :: lapsed[me]
  fi;
  goto anew;

publish:
  DIE;
#ifndef COMPARES_ONLY
  atomic {
    if
#ifndef NO_FENCE
    :: my < fence -> goto anew                          /* a newer claim was seen there */
#endif
    :: else -> fence = (my > fence -> my : fence); seen = (applied > 0)
    fi
  };
  DIE;
#endif
  if
  :: wish && !seen -> write(finishing, cancelled); goto anew
  :: else
  fi;
  if
  :: seen
  :: !seen ->
#ifdef SPLIT
     kept = (my >= fence);
     if :: kept :: else -> goto anew fi;
     atomic { fence = my; applied++; assert(applied <= 1) }
#else
     atomic {
#ifndef NO_FENCE
       if :: my >= fence -> fence = my :: else -> goto anew fi;
#endif
       applied++;
       assert(applied <= 1)                             /* I3: one effect, whoever brings it */
     }
#endif
  fi;
  DIE;
  write(finishing, succeeded);
  goto anew;

leave:
  skip
}

inline arrive(which) {
  atomic {
    sent[which] > 0 -> started = sent[which] - 1; sent[which] = 0;
    if
    :: SERVICE == KEYED && runs[started] > 0
    :: else ->
       runs[started]++; alive[started] = true;
       assert(runs[started] <= 1);                      /* I2: one run for one generation */
       assert(LIVING <= 1);                             /* I2: and no second one beside it */
       assert(!ENDED)                                   /* nobody would look at it */
    fi;
    started = 0
  }
}

inline lose(which) { atomic { sent[which] > 0 -> sent[which] = 0 } }

inline lapse(which) {
  atomic { !lapsed[which] && lapses < LAPSES -> lapsed[which] = true; lapses++ }
}

/* Requests arrive late or never, runs end, leases lapse, and the service may forget one run. */
active proctype World() {
  byte started = 0;
end:
  do
  :: arrive(0)
  :: arrive(1)
  :: lose(0)
  :: lose(1)
#if RUNNERS == 3
  :: arrive(2)
  :: lose(2)
  :: lapse(2)
#endif
  :: lapse(0)
  :: lapse(1)
  :: atomic { alive[0] -> alive[0] = false; if :: well[0] = true :: well[0] = false fi }
  :: atomic { alive[1] -> alive[1] = false; well[1] = true }
  :: atomic { !forgotten && LIVING > 0 && state == running -> forgotten = true }
  od
}

/* A person looks, and decides later on what was seen. */
active proctype Person() {
  mtype before = queued;
  byte then = 0;
  if
  :: atomic { before = state; then = token }
  :: true -> goto rest
  fi;
  if
  :: before == queued ->
#ifdef CANCELS_BY_NUMBER
     d_step { state = cancelled; check_end() }
#else
     d_step { if :: state == queued && token == then && sequence < TOKENS ->
                    sequence = NEXT; token = sequence; state = cancelled; check_end()
                 :: else fi }
#endif
  :: before == launching || before == running || before == finishing ->
     d_step { if :: state == before && token == then -> wish = true :: else fi }
  :: else
  fi;
rest:
  skip
}

#ifdef SWEEPS_BY_NUMBER
/* A rescuer that puts back what looked stuck when it looked. */
active proctype Sweep() {
  if
  :: state == launching || state == running || state == finishing ->
     d_step { state = queued; check_end() }
  :: true
  fi
}
#endif

init {
  atomic { run Runner(0); run Runner(1);
#if RUNNERS == 3
           run Runner(2);
#endif
  }
}
