"""The tests that take long: most start many processes, a cluster or a browser, or draw a kitchen.

``make check`` leaves them out, so that it stays under ten minutes; ``make test`` and the continuous
integration run them. The marker ``slow`` chooses them.
"""

from __future__ import annotations

from typing import Final

SLOW: Final[dict[str, tuple[str, ...]]] = {
    "baselines/test_beside.py": (
        "test_a_process_that_dies_while_it_plays",
        "test_all_is_as_if_played_in_place",
        "test_training_goes_on_meanwhile",
        "test_what_a_kill_left_unplayed_is_played",
    ),
    "baselines/test_failures.py": ("test_kill_and_go_on",),
    "baselines/test_phases.py": ("test_killed_in_the_second_phase",),
    "baselines/test_quiet.py": ("test_a_training_run_on_a_cpu_prints_no_warning",),
    "baselines/test_sweep.py": (
        "test_a_process_that_dies",
        "test_a_sweep_fails_where_it_must_and_goes_on",
        "test_a_sweep_on_a_cluster_gives_what_this_machine_gives",
        "test_the_bar_counts_what_this_call_does",
    ),
    "cluster/test_engine.py": (
        "test_a_node_that_cannot_open_the_job_is_named",
        "test_errors_and_warnings_come_back_with_the_name_of_the_node",
        "test_items_are_done_and_told_once_whatever_dies_or_is_late",
    ),
    "collection/sac/test_train.py": (
        "test_killed_while_saving",
        "test_same_seed_same_checkpoints",
    ),
    "collection/test_cluster.py": (
        "test_a_killed_driver_goes_on_and_the_bytes_are_those_of_one_machine",
        "test_a_node_without_opengl_is_named",
        "test_a_policy_trained_on_a_node_is_that_of_this_machine",
    ),
    "collection/test_looks.py": ("test_workers_and_goes_do_not_matter",),
    "collection/test_no_space.py": ("test_a_full_disk_keeps_what_is_finished",),
    "collection/test_resume.py": ("test_kill_9_at_random_moments",),
    "collection/test_states.py": (
        "test_another_size_and_a_look_are_those_of_collecting",
        "test_parts_of_either_are_taken_up_by_the_other",
    ),
    "collection/test_twins.py": ("test_twins_differ_in_pixels_alone",),
    "collection/test_uploads.py": (
        "test_the_file_is_that_of_one_machine_and_nothing_stays_in_the_store",
    ),
    "evaluation/test_replay.py": (
        "test_replaying_gives_the_same_bits[microwave_kettle_bottom_burner_light]",
    ),
    "exporting/test_kill.py": ("test_after_a_kill",),
    "fuzz/test_fuzz.py": (
        "test_every_misbehavior_is_noticed_and_outlived",
        "test_failures_are_kept_and_told",
    ),
    "leaderboard/test_browser.py": ("test_a_thousand_entries_filter_at_once",),
    "leaderboard/test_browser_access.py": ("test_readable_on_any_screen",),
    "leaderboard/test_store.py": ("test_every_entry_passes_and_every_receipt_is_earned_again",),
    "project/test_extending.py": ("test_an_example_runs",),
    "project/test_package.py": ("test_the_wheel_alone_opens_the_sample_in_an_empty_environment",),
    "project/test_readme.py": (
        "test_commands_run_in_the_order_of_the_readme",
        "test_program_runs_and_prints_what_it_says",
    ),
    "pytorch/test_passes.py": ("test_every_way_to_start_workers_counts_passes",),
    "sampling/test_benchmark.py": ("test_quick_benchmark_reports_every_case",),
    "simulators/test_backends.py": (
        "test_a_screen_that_is_gone_changes_nothing",
        "test_other_variables_that_are_in_the_way_are_named",
        "test_whatever_is_asked_for_works_or_its_advice_does",
        "test_whatever_was_imported_before",
    ),
    "simulators/test_draw.py": (
        "test_a_recorded_state_gives_the_frame_of_its_visit[microwave_kettle_bottom_burner_light]",
    ),
    "simulators/test_processes.py": (
        "test_a_process_that_rendered_exits_without_noise",
        "test_spawned_vector_environments_work_after_rendering",
    ),
    "simulators/test_simulation.py": (
        "test_a_seed_is_the_whole_story[microwave_kettle_bottom_burner_light]",
    ),
    "storage/test_atomic.py": ("test_a_death_between_two_renames_leaves_old_or_new",),
    "storage/test_full_disk.py": ("test_a_small_disk",),
}
"""File below ``tests/`` → its slow functions, or a function's slow cases: ``test_it[case]``."""
