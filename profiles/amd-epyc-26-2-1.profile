tritmill-profile 1
cpu AuthenticAMD 26/2/1 AMD EPYC
caches 49152 1048576 33554432
isas c ssse3 avx2 avxvnni avx512bw avx512vnni avx512vbmi
kernels 80bee8f503177292
compiler GNU 12.2.0
made 2026-11-20T09:16:49Z
conditions weights cold, medians of interleaved samples, budget 84 s, M 1,512
limit threads 1 read_gbs 40.929 int8_gmacs 479.093
limit threads 2 read_gbs 50.213 int8_gmacs 956.251
plan n 2560 k 2560 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash 14422827b256abc0 mc 0 nc 0 median_us 33.519 spread_us 0.525
plan n 2560 k 2560 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash 067a2b2e32efcf4c mc 0 nc 0 median_us 7349.327 spread_us 56.021
plan n 2560 k 2560 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash 14422827b256abc0 mc 0 nc 0 median_us 26.815 spread_us 1.282
plan n 2560 k 2560 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash 067a2b2e32efcf4c mc 0 nc 0 median_us 3686.361 spread_us 23.713
plan n 2560 k 6912 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash 14422827b256abc0 mc 0 nc 0 median_us 92.087 spread_us 2.110
plan n 2560 k 6912 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash 067a2b2e32efcf4c mc 0 nc 0 median_us 20022.619 spread_us 136.779
plan n 2560 k 6912 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash 14422827b256abc0 mc 0 nc 0 median_us 70.054 spread_us 3.925
plan n 2560 k 6912 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash 067a2b2e32efcf4c mc 0 nc 0 median_us 10176.225 spread_us 111.231
plan n 3840 k 2560 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash 14422827b256abc0 mc 0 nc 0 median_us 51.716 spread_us 1.156
plan n 3840 k 2560 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash 067a2b2e32efcf4c mc 0 nc 0 median_us 11074.426 spread_us 124.626
plan n 3840 k 2560 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash 14422827b256abc0 mc 0 nc 512 median_us 32.453 spread_us 1.032
plan n 3840 k 2560 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash 067a2b2e32efcf4c mc 192 nc 128 median_us 5694.517 spread_us 142.290
plan n 6912 k 2560 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash 14422827b256abc0 mc 0 nc 0 median_us 88.444 spread_us 1.560
plan n 6912 k 2560 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash 067a2b2e32efcf4c mc 0 nc 0 median_us 19629.122 spread_us 140.440
plan n 6912 k 2560 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash 14422827b256abc0 mc 0 nc 0 median_us 74.826 spread_us 3.493
plan n 6912 k 2560 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash 067a2b2e32efcf4c mc 0 nc 0 median_us 10198.979 spread_us 41.489
plan n 13824 k 2560 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash 14422827b256abc0 mc 0 nc 0 median_us 182.738 spread_us 4.301
plan n 13824 k 2560 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash 067a2b2e32efcf4c mc 0 nc 0 median_us 40349.271 spread_us 318.095
plan n 13824 k 2560 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash 14422827b256abc0 mc 0 nc 0 median_us 146.494 spread_us 6.151
plan n 13824 k 2560 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash 067a2b2e32efcf4c mc 0 nc 0 median_us 20345.711 spread_us 159.308
end
